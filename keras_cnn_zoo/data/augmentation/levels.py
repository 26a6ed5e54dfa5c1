"""How strong the augmentation of a task is: none, light, standard, or strong."""

# Factor of the strengths of "standard": of angles, of changes of color, and of the exponents of scales.
LEVELS = {"none": 0.0, "light": 0.5, "standard": 1.0, "strong": 1.5}
STANDARD = "standard"


def scaled(limits, level):
    """Returns a range of magnifications around 1 for a level, such as (0.5, 2.0) for "standard"."""
    if level == STANDARD:
        return limits
    return tuple(edge ** LEVELS[level] for edge in limits)
