"""The options that every reader takes next to its path."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """The options of a reader.

    Args:
        task: A name in `keras_cnn_zoo.utils.tasks.TASKS`.
        ignore_label: Mask value to leave out of loss and metrics.
        ignore_label_given: Whether the user gave `ignore_label`. Otherwise masks of 0 and 255 are binary.
        class_names: Tuple of strings, or None to find them in the data.
        names_of_model: Whether `class_names` are those of a model. They never rename classes of the data.
        encoding: Text encoding of `classes.txt`.
        skip_bad: Whether examples that cannot be read are left out and counted instead of refused.
        palette: Path of a file of lines `R G B name`, the colors of the classes in masks, or None.
    """

    task: str
    ignore_label: int = 255
    ignore_label_given: bool = False
    class_names: tuple | None = None
    names_of_model: bool = False
    encoding: str = "utf-8"
    skip_bad: bool = False
    palette: str | None = None

    @property
    def user_names(self):
        """The class names that the user gave, or None."""
        return None if self.names_of_model else self.class_names

    def named_by(self, own):
        """Returns the words for where class names are from, in messages; `own` if they are the data's own."""
        if self.class_names is None:
            return own
        return "the model" if self.names_of_model else "`class_names`"
