"""The table of checks: which one is run for which guarantee and kind of component."""

from keras_cnn_zoo.testing.checks import (
    arguments,
    backbone,
    config,
    export,
    gradients,
    layout,
    learning,
    oracle,
    precision,
    reader,
    reproducibility,
    saving,
    shapes,
    task,
    xla,
)

# In the order in which they run: a broken part is then reported under the guarantee that it breaks first.
CHECKS = {
    "layer": {
        "C1": config.check_layer,
        "C10": reproducibility.check_layer,
        "C3": shapes.check_layer,
        "C4": precision.check_layer,
        "C7": gradients.check_layer,
        "C5": layout.check_layer,
        "C13": oracle.check_layer,
        "C2": saving.check_layer,
        "C6": xla.check_layer,
        "C12": export.check_layer,
        "C11": arguments.check_layer,
    },
    "loss": {
        "C1": config.check_loss,
        "C10": reproducibility.check_loss,
        "C3": shapes.check_loss,
        "C4": precision.check_loss,
        "C7": gradients.check_loss,
        "C13": oracle.check_loss,
        "C2": saving.check_loss,
        "C6": xla.check_loss,
        "C11": arguments.check_loss,
    },
    "regularizer": {
        "C1": config.check_regularizer,
        "C10": reproducibility.check_regularizer,
        "C3": shapes.check_regularizer,
        "C4": precision.check_regularizer,
        "C7": gradients.check_regularizer,
        "C13": oracle.check_regularizer,
        "C2": saving.check_regularizer,
        "C6": xla.check_regularizer,
        "C11": arguments.check_arguments,
    },
    "initializer": {
        "C1": config.check_initializer,
        "C10": reproducibility.check_initializer,
        "C3": shapes.check_initializer,
        "C4": precision.check_initializer,
        "C13": oracle.check_initializer,
        "C2": saving.check_initializer,
        "C11": arguments.check_arguments,
    },
    "metric": {
        "C1": config.check_metric,
        "C10": reproducibility.check_metric,
        "C4": precision.check_metric,
        "C13": oracle.check_metric,
        "C2": saving.check_metric,
        "C11": arguments.check_arguments,
    },
    "callback": {
        "C10": reproducibility.check_callback,
        "C13": oracle.check_callback,
        "C11": arguments.check_arguments,
    },
    "model": {
        "C1": config.check_model,
        "C10": reproducibility.check_model,
        "C3": shapes.check_model,
        "C4": precision.check_model,
        "C7": learning.check_model,
        "C2": saving.check_model,
        "C6": xla.check_model,
        "C12": export.check_model,
        "C11": arguments.check_model,
    },
    "backbone": {
        "C3": backbone.check_levels,
        "C2": backbone.check_config,
    },
    "task": {
        "C1": task.check_description,
        "C11": task.check_arguments,
        "C3": task.check_batches,
        "C10": task.check_purity,
        "C2": task.check_trainer,
        "C12": task.check_files,
        "C13": task.check_measures,
    },
    "reader": {
        "C3": reader.check_examples,
        "C1": reader.check_classes,
        "C10": reader.check_second_load,
        "C11": reader.check_refusals,
    },
}

# Further cases of a component run these only; they take a fraction of the time.
EAGER_CHECKS = {
    "layer": {
        "C1": config.check_layer,
        "C10": reproducibility.check_layer,
        "C3": shapes.check_layer_eager,
        "C4": precision.check_layer_default,
        "C13": oracle.check_layer,
        "C2": saving.check_layer_config,
    },
    **{
        kind: {key: checks[key] for key in ("C1", "C10", "C3", "C4", "C13", "C2") if key in checks}
        for kind, checks in CHECKS.items()
        if kind != "layer"
    },
}

NOT_APPLICABLE = {
    "loss": {"C5": "a loss has no data format", "C12": "a loss is not exported"},
    "regularizer": {"C5": "a weight has one layout", "C12": "a regularizer is not exported"},
    "initializer": {
        "C5": "a weight has one layout",
        "C6": "an initializer runs once, uncompiled",
        "C7": "initial values have no gradient",
        "C12": "an initializer is not exported",
    },
    "metric": {
        "C3": "the shape of a result is part of `expected`",
        "C5": "a metric has no data format",
        "C6": "a metric may compute on the host",
        "C7": "a metric is not differentiated",
        "C12": "a metric is not exported",
    },
    "callback": {
        "C1": "a callback has no config",
        "C2": "a callback is not saved with its model",
        "C3": "a callback has no output",
        "C4": "a callback computes on the host",
        "C5": "a callback has no data format",
        "C6": "a callback runs between the compiled steps",
        "C7": "a callback is not differentiated",
        "C12": "a callback is not exported",
    },
    "model": {
        "C5": "checked on the layers of the model",
        "C13": "checked on the layers of the model; a whole network has no formula",
    },
    "backbone": dict.fromkeys(
        ("C1", "C4", "C5", "C6", "C7", "C10", "C11", "C12", "C13"), "checked on the backbone as a model"
    ),
    "task": dict.fromkeys(("C4", "C5", "C6", "C7"), "checked on the models of the task"),
    "reader": dict.fromkeys(
        ("C2", "C4", "C5", "C6", "C7", "C12", "C13"),
        "a reader gives arrays, and is not saved or compiled",
    ),
}
