"""C7 for models: gradients are finite and reach every weight, and XLA training overfits a tiny batch."""

import keras
import numpy as np

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.testing.guarantees import Broken
from keras_cnn_zoo.utils.autodiff import value_and_gradients

STEPS = 40
ENOUGH = 0.5  # The loss must fall to this part of its first value.


def check_model(case):
    """Checks the gradients of one training call, then a few compiled training steps on one batch."""
    component = case.ready()
    with fixed_draws():
        gradients = _gradients(case, component, probe.as_tensors(case.make_inputs()))
    advice = "use every weight in `call`, and guard divisions, logs and roots"
    probe.require_finite(probe.as_numpy(gradients), "gradients", advice)
    weights = component.trainable_variables
    for weight, gradient in zip(weights, gradients[len(gradients) - len(weights) :], strict=True):
        if probe.largest(probe.as_numpy(gradient)) == 0:
            raise Broken(f"the gradient of weight {weight.path!r} is zero everywhere", advice)
    if case.overfit:
        _require_overfit(case)


def _gradients(case, component, inputs):
    """Returns the gradients of one training call: of `objective`, or of the model's own loss."""
    if case.targets is None:
        return probe.forward_backward(case, component, inputs, training=True).gradients

    def loss():
        outputs = probe.forward(case, component, inputs, training=True)
        return component.compute_loss(inputs, case.targets, outputs, training=True)

    return value_and_gradients(loss, variables=component.trainable_variables)[2]


def _require_overfit(case):
    keras.utils.set_random_seed(0)
    model = case.make()
    inputs = case.make_inputs()
    targets, loss = case.targets, None
    if targets is None:
        targets = keras.tree.map_structure(_targets, probe.as_numpy(case.call(model, inputs)))
        loss = "mean_squared_error"
    jit = "auto" if keras.backend.backend() == "torch" else True
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss, jit_compile=jit)
    losses = []
    for _ in range(STEPS):
        losses.append(float(np.ravel(model.train_on_batch(inputs, targets))[0]))
        if not np.isfinite(losses[-1]):
            raise Broken(f"the loss is {losses[-1]} after {len(losses)} steps", "guard the loss")
        if losses[-1] <= ENOUGH * losses[0]:
            return
    raise Broken(
        f"on one batch the loss falls from {losses[0]:.4g} to {losses[-1]:.4g} in {STEPS} steps",
        "look for a cut gradient, a saturated output or a wrong initial scale; overfit=False or targets=... "
        "if the model has its own loss",
    )


def _targets(outputs):
    """Returns a class for each sample, as one-hot vectors along the last axis at every position."""
    classes = outputs.shape[-1]
    chosen = np.arange(len(outputs)) % classes
    rows = np.eye(classes, dtype="float32")[chosen] if classes > 1 else (np.arange(len(outputs)) % 2)[:, None]
    rows = rows.reshape((len(outputs),) + (1,) * (outputs.ndim - 2) + (classes,))
    return np.broadcast_to(rows, outputs.shape).astype("float32")
