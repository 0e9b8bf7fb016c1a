"""Papers in their forms, read into a `Document`."""
