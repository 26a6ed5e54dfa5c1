"""The public contract: `check_layer` and its siblings check C1 to C13 on any Keras component.

Each guarantee is one line in `GUARANTEES`. A check raises `ContractError` at the first that is broken:

    check_layer(MyLayer, {"units": 3}, (2, 4), reference=my_numpy_formula)

In a test suite, a decorator gives one test per component and guarantee:

    @parametrize_with_checks([LayerCase(MyLayer, {"units": 3}, (2, 4), reference=my_numpy_formula)])
    def test_contract(case, check):
        check(case)

`run_case` collects failures instead of raising them.
"""

from keras_cnn_zoo.testing.backbone import BackboneCase, check_backbone
from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.cases import (
    CallbackCase,
    InitializerCase,
    LayerCase,
    LossCase,
    MetricCase,
    ModelCase,
    RegularizerCase,
    case_from_dict,
)
from keras_cnn_zoo.testing.check import (
    check_callback,
    check_initializer,
    check_layer,
    check_loss,
    check_metric,
    check_model,
    check_regularizer,
)
from keras_cnn_zoo.testing.guarantees import GUARANTEES, ContractError, Outcome
from keras_cnn_zoo.testing.parametrize import parametrize_with_checks
from keras_cnn_zoo.testing.reader import ReaderCase, check_reader
from keras_cnn_zoo.testing.runner import run_case
from keras_cnn_zoo.testing.task import TaskCase, check_task

__all__ = [
    "BackboneCase",
    "CallbackCase",
    "Case",
    "ContractError",
    "GUARANTEES",
    "InitializerCase",
    "LayerCase",
    "LossCase",
    "MetricCase",
    "ModelCase",
    "Outcome",
    "ReaderCase",
    "RegularizerCase",
    "TaskCase",
    "case_from_dict",
    "check_backbone",
    "check_callback",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_model",
    "check_reader",
    "check_regularizer",
    "check_task",
    "parametrize_with_checks",
    "run_case",
]
