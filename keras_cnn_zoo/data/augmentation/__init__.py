"""Training examples changed at random, each change a function of a seed."""
