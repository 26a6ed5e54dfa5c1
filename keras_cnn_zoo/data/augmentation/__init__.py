"""Random changes of training examples, each a function of a seed."""
