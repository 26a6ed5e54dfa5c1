"""Names of examples without files."""


def example_names(split_name, count):
    """Returns ["train/0", "train/1", ...]."""
    return [f"{split_name}/{number}" for number in range(count)]
