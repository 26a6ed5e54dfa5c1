"""Names of examples that have no file of their own."""


def example_names(split_name, count):
    """["train/0", "train/1", ...]."""
    return [f"{split_name}/{number}" for number in range(count)]
