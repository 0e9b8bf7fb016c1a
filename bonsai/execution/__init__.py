"""Running programs that a model wrote: within walls, with limits, here or on other machines."""
