"""Filling in docstrings: names, ranks, wrapping, and the text of a base class."""

import inspect

import pytest

from keras_cnn_zoo.utils import docstrings


def test_a_name_is_replaced_by_its_paragraph():
    text = docstrings.fill("Pools.\n\n    Args:\n        {kwargs}\n    ")
    assert text == "Pools.\n\n    Args:\n        **kwargs: `name`, `dtype`, ...\n    "


def test_a_paragraph_of_several_arguments_keeps_its_lines():
    lines = docstrings.fill("    {weights}").splitlines()
    assert [line.partition(":")[0].strip() for line in lines] == [
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    ]
    assert all(line.startswith("    ") and line[4] != " " for line in lines)


@pytest.mark.parametrize(
    "rank, expected",
    [
        (1, "Length of the windows, an integer; `(batch, steps, channels)`, or `(batch, channels, steps)`"),
        (2, "Height and width of the windows, an integer or two; `(batch, height, width, channels)`, or"),
        (3, "Depth, height, and width of the windows, an integer or three; `(batch, depth, height, width,"),
    ],
)
def test_words_depend_on_the_rank(rank, expected):
    assert docstrings.fill("{lengths} of the windows, {integers}; {maps}", rank).startswith(expected)


def test_only_sequences_can_be_causal():
    assert ['"causal"' in docstrings.fill("{padding_or_causal}", rank) for rank in (1, 2, 3)] == [True, 0, 0]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_long_lines_are_wrapped_and_entries_are_indented(rank):
    for name in docstrings.paragraphs(rank):
        lines = docstrings.fill(f"        {{{name}}}", rank).splitlines()
        assert max(map(len, lines)) <= docstrings.WIDTH
        assert all(line.startswith(" " * 8) for line in lines)
    first, second = docstrings.fill("    {dilation_rate} And this.", 3).splitlines()
    assert first.startswith("    dilation_rate: ") and second.startswith("        ")
    assert second.endswith("Defaults to 1. And this.")


def test_other_braces_and_lines_without_names_stay():
    text = "Drawn from {0, 1}, {} or {Name}.\n" + "x" * 200
    assert docstrings.fill(text) == text


@pytest.mark.parametrize("text, rank", [("{no_such_name}", 2), ("{maps}", None)])
def test_refuses_unknown_names(text, rank):
    with pytest.raises(ValueError, match=rf"names the paragraph '{text}', which is not in utils/docstr"):
        docstrings.fill(text, rank)


def test_the_rank_is_an_attribute_or_in_the_name():
    @docstrings.filled
    class Pooling3D:
        """Takes rank {tensor_rank}."""

    @docstrings.filled
    class Block:
        """Takes rank {tensor_rank}."""

        rank = 1

    assert (Pooling3D.__doc__, Block.__doc__) == ("Takes rank 5.", "Takes rank 3.")


def test_the_text_of_the_base_goes_before_the_example():
    class Base:
        """Abstract.

        For {integers}.

        Args:
            {kwargs}
        """

    @docstrings.filled_from_base
    class Own2D(Base):
        """Pools.

        >>> 1 + 1
        2
        """

    assert inspect.getdoc(Own2D) == (
        "Pools.\n\nFor an integer or two.\n\nArgs:\n    **kwargs: `name`, `dtype`, ...\n\n>>> 1 + 1\n2"
    )
    assert "{kwargs}" in Base.__doc__


def test_a_class_without_docstring_stays_so_as_under_python_oo():
    class Bare:
        pass

    assert docstrings.filled(Bare).__doc__ is None
    assert docstrings.filled_from_base(Bare).__doc__ is None
