"""The public checks, one for each kind of component, made from the cases of that kind.

LayerCase(cls, init_kwargs, input_shape, *, ...)    one dataclass per kind, in cases.py
check_layer(cls, init_kwargs, input_shape, *, ...)  →  check_case(LayerCase(...))  →  outcomes
"""

import collections.abc
import inspect
import typing

from keras_cnn_zoo.testing import fields
from keras_cnn_zoo.testing.cases import (
    CallbackCase,
    InitializerCase,
    LayerCase,
    LossCase,
    MetricCase,
    ModelCase,
    RegularizerCase,
)
from keras_cnn_zoo.testing.guarantees import Outcome
from keras_cnn_zoo.testing.runner import check_case

RETURNS = """\
Returns:
    List of `Outcome`, one for each guarantee and each place where it was checked.

Raises:
    ContractError: An AssertionError that names the guarantee, what broke, and what to do."""

Arguments = typing.ParamSpec("Arguments")


def check_of(
    case_class: collections.abc.Callable[Arguments, object], description
) -> collections.abc.Callable[Arguments, list[Outcome]]:
    """Returns the public check of a kind: a function of the arguments of its case.

    Args:
        case_class: Dataclass of the cases.
        description: Docstring of the check without its sections.
    """
    signature = fields.signature_of_check(case_class)

    def check(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        return check_case(case_class(*bound.args, **bound.kwargs))

    check.__name__ = check.__qualname__ = f"check_{case_class.kind}"
    check.__signature__ = signature
    arguments = fields.entries(case_class, signature)
    check.__doc__ = f"{inspect.cleandoc(description)}\n\nArgs:\n{arguments}\n\n{RETURNS}\n"
    return check


check_layer = check_of(
    LayerCase,
    """Checks that a layer meets the guarantees C1 to C13.

    Everything that the current backend can check runs in this process. C8 and C9, and C4 once more, run on
    the other installed backends in separate processes. They import the layer by its module's name; a class
    that was defined in a script, a notebook, or a function is sent to them by value.""",
)

check_loss = check_of(
    LossCase,
    """Checks that a loss meets the guarantees that apply to it.

    Beyond those of a layer: `dtype` is kept and obeyed, labels of shape (batch,) and (batch, 1) give the same
    loss, reductions and sample weights work, and half-precision scores give finite losses and gradients. With
    `labels`, class ids stay exact, -1 leaves an example out, and other labels are refused.""",
)

check_regularizer = check_of(
    RegularizerCase, "Checks that a regularizer meets the guarantees that apply to it."
)

check_initializer = check_of(
    InitializerCase, "Checks that an initializer meets the guarantees that apply to it."
)

check_metric = check_of(MetricCase, "Checks that a metric meets the guarantees that apply to it.")

check_callback = check_of(
    CallbackCase,
    """Checks that a callback meets the guarantees that apply to it.

    It is given the logs of some epochs, without any training: bad arguments are refused, the same logs lead
    to the same number of epochs, and training ends when it should.""",
)

check_model = check_of(
    ModelCase,
    """Checks that a model meets the guarantees that apply to it.

    Build the model at a small width: every check runs on it, on each backend.""",
)
