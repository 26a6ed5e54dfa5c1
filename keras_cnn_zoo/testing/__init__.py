"""The public contract: `check_layer` and its siblings hold anybody's Keras component to C1 to C13.

Each guarantee is one line in `GUARANTEES`. A check raises `ContractError` at the first that is broken:

    check_layer(MyLayer, {"units": 3}, (2, 4), reference=my_numpy_formula)

`run_case` collects failures instead, for a suite that holds many components.
"""

from keras_cnn_zoo.testing.backbone import check_backbone
from keras_cnn_zoo.testing.case import GUARANTEES, Case, ContractError, Outcome, case_from_dict
from keras_cnn_zoo.testing.check import (
    check_callback,
    check_initializer,
    check_layer,
    check_loss,
    check_metric,
    check_model,
    check_regularizer,
)
from keras_cnn_zoo.testing.runner import run_case

__all__ = [
    "Case",
    "ContractError",
    "GUARANTEES",
    "Outcome",
    "case_from_dict",
    "check_backbone",
    "check_callback",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_model",
    "check_regularizer",
    "run_case",
]
