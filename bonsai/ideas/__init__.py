"""New ideas: written by a model that knows what was tried, and compared with what exists."""
