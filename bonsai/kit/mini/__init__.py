"""A small real subset of Fashion-MNIST, and the script that made it."""
