"""The public checks, one for each kind of component: one case, raising at the first broken guarantee."""

from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.runner import check_case


def check_layer(
    cls,
    init_kwargs,
    input_shape,
    *,
    input_dtype=None,
    inputs=None,
    call_kwargs=None,
    prepare=None,
    reference=None,
    expected_output_shape=None,
    exempt=None,
):
    """Holds a layer to the guarantees C1 to C13.

    Everything that the current backend can check runs in this process; C8 and C9 run on the other installed
    backends in processes of their own, which import the layer by its module name.

    Args:
        cls: The layer class.
        init_kwargs: Dict of constructor arguments. Choose values other than the defaults, so that a forgotten
            argument shows.
        input_shape: Shape of the input with its batch axis, or a tuple, list or dict of shapes. A tuple is
            spread over the arguments of `call` where it has that many without a default.
        input_dtype: Dtype of the input, or dtypes in the structure of `input_shape`. Defaults to float32.
        inputs: NumPy arrays to use instead of generated ones. Defaults to well-spread values in [-2, 2].
        call_kwargs: Dict of further arguments of `call`. Defaults to none.
        prepare: Function of the built layer that brings it into a usable state, such as
            `lambda layer: layer.adapt(data)`. Defaults to none.
        reference: Function `reference(inputs, weights, **init_kwargs)` that computes the inference output in
            float64 NumPy, with `weights` a dict such as `{"kernel": ..., "gate/bias": ...}`. Without it C13
            is not run.
        expected_output_shape: Shape, or shapes in the structure of the output. Defaults to what `call` gives.
        exempt: Dict from a guarantee (`"C9"`), or a part of one (`"C3 unknown space"`), to the reason in
            words for not holding it. C1, C2, C10, C11 and C13 take no exemption. Defaults to none.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="layer",
            cls=cls,
            init_kwargs=init_kwargs,
            input_shape=input_shape,
            input_dtype=input_dtype,
            inputs=inputs,
            call_kwargs=call_kwargs,
            prepare=prepare,
            reference=reference,
            expected_output_shape=expected_output_shape,
            exempt=exempt,
        )
    )


def check_loss(cls, init_kwargs, y_true, y_pred, *, reference=None, expected=None, exempt=None):
    """Holds a loss to the guarantees that mean something for it.

    Beyond a layer's: `dtype` is kept and obeyed, labels of shape (batch,) and (batch, 1) give the same loss,
    reductions and sample weights work, and half-precision scores give finite losses and gradients.

    Args:
        cls: The loss class, a subclass of `keras.losses.Loss`.
        init_kwargs: Dict of constructor arguments, other than the defaults.
        y_true: NumPy array of targets.
        y_pred: NumPy array of predictions, or a structure of arrays.
        reference: Function `reference(y_true, y_pred, **init_kwargs)` that computes the loss of each sample
            in float64 NumPy, before reduction. Without it and `expected`, C13 is not run.
        expected: The loss after the default reduction. Defaults to none.
        exempt: As in `check_layer`.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="loss",
            cls=cls,
            init_kwargs=init_kwargs,
            y_true=y_true,
            y_pred=y_pred,
            reference=reference,
            expected=expected,
            exempt=exempt,
        )
    )


def check_regularizer(cls, init_kwargs, weight, *, reference=None, exempt=None):
    """Holds a regularizer to the guarantees that mean something for it.

    Args:
        cls: The regularizer class.
        init_kwargs: Dict of constructor arguments, other than the defaults.
        weight: NumPy array to penalise.
        reference: Function `reference(weight, **init_kwargs)` that computes the penalty in float64 NumPy.
            Without it C13 is not run.
        exempt: As in `check_layer`.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="regularizer",
            cls=cls,
            init_kwargs=init_kwargs,
            weight=weight,
            reference=reference,
            exempt=exempt,
        )
    )


def check_initializer(cls, init_kwargs, shape, *, reference=None, exempt=None):
    """Holds an initializer to the guarantees that mean something for it.

    Args:
        cls: The initializer class.
        init_kwargs: Dict of constructor arguments, other than the defaults.
        shape: Shape of the weight to draw.
        reference: Function `reference(shape, **init_kwargs)` that computes the values, for an initializer
            that draws nothing. Defaults to none.
        exempt: As in `check_layer`.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="initializer",
            cls=cls,
            init_kwargs=init_kwargs,
            shape=shape,
            reference=reference,
            exempt=exempt,
        )
    )


def check_metric(cls, init_kwargs, updates, *, expected, exempt=None):
    """Holds a metric to the guarantees that mean something for it.

    Args:
        cls: The metric class.
        init_kwargs: Dict of constructor arguments, other than the defaults.
        updates: List of tuples `(y_true, y_pred)` or `(y_true, y_pred, sample_weight)`, one for each call of
            `update_state`.
        expected: The result after all of them, from a reference implementation.
        exempt: As in `check_layer`.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="metric",
            cls=cls,
            init_kwargs=init_kwargs,
            updates=updates,
            expected=expected,
            exempt=exempt,
        )
    )


def check_callback(cls, init_kwargs, logs, *, expected, exempt=None):
    """Holds a callback to the guarantees that mean something for it.

    It watches epochs whose logs are given, without any training: bad arguments are refused, the same logs do
    the same again, and training ends where it should.

    Args:
        cls: The callback class.
        init_kwargs: Dict of constructor arguments, other than the defaults.
        logs: List of dicts, the logs of each epoch.
        expected: How many epochs run before the callback ends training; all of them where it does not.
        exempt: As in `check_layer`.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="callback",
            cls=cls,
            init_kwargs=init_kwargs,
            logs=logs,
            expected=expected,
            exempt=exempt,
        )
    )


def check_model(
    build,
    input_shape,
    *,
    overfit=True,
    targets=None,
    input_dtype=None,
    inputs=None,
    call_kwargs=None,
    prepare=None,
    expected_output_shape=None,
    exempt=None,
):
    """Holds a model to the guarantees that mean something for it; build it at a small width.

    Args:
        build: Function without arguments that returns a new model under the current dtype policy.
        input_shape: Shape of the input with its batch axis, or a tuple, list or dict of shapes.
        overfit: Whether the loss on one batch must fall to half in a few compiled training steps. False for a
            model that needs targets of its own kind. Defaults to True.
        targets: NumPy targets of a model that overrides `compute_loss`: gradients are then those of its own
            loss, which it must also overfit, and precisions are compared in training mode, because what such
            a model picks at inference is no continuous function. Defaults to none: a mean squared error.
        input_dtype: As in `check_layer`.
        inputs: As in `check_layer`.
        call_kwargs: As in `check_layer`.
        prepare: As in `check_layer`.
        expected_output_shape: As in `check_layer`.
        exempt: As in `check_layer`.

    Returns:
        List of `Outcome`, one for each guarantee and place where it was checked.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    return check_case(
        Case(
            kind="model",
            build=build,
            input_shape=input_shape,
            overfit=overfit,
            targets=targets,
            input_dtype=input_dtype,
            inputs=inputs,
            call_kwargs=call_kwargs,
            prepare=prepare,
            expected_output_shape=expected_output_shape,
            exempt=exempt,
        )
    )
