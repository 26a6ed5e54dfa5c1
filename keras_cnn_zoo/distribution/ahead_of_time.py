"""Ahead-of-time compilation of a training step for an absent TPU, to measure its memory and cost."""

import keras

from keras_cnn_zoo.utils.errors import InputError


def compile_train_step(model, batch, *, topology="v5e:2x2"):
    """Compiles the training step of a compiled model ahead of time, for one chip of a TPU topology.

    It needs the JAX backend and libtpu, but no TPU. It first runs one step on this machine, so the metrics
    and the optimizer have their variables.

    Args:
        model: a model after `compile`.
        batch: input of one step of `fit`: `(x, y)` or `(x, y, sample_weight)`, NumPy arrays.
        topology: libtpu's name of the chips.

    Returns:
        A dict: `argument_bytes` (weights, optimizer, and batch), `temporary_bytes` on the chip, and `flops`
        per step, where bodies of loops count once.

    Raises:
        InputError: on another backend, or if libtpu is missing or does not know the topology.
    """
    if keras.backend.backend() != "jax":
        raise InputError(
            f"KERAS_BACKEND must be jax for ahead-of-time compilation. Received: {keras.backend.backend()}"
        )
    import jax
    from jax.experimental import topologies

    try:
        devices = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
    # libtpu does not document what it raises if it is missing or does not know a name.
    except Exception as error:
        raise InputError(
            f"`topology` must be a TPU topology of libtpu. Received: {topology!r} "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    model.train_on_batch(*batch)
    sharding = jax.sharding.SingleDeviceSharding(devices[0])

    def shape_of(value):
        value = jax.numpy.asarray(value)
        return jax.ShapeDtypeStruct(value.shape, value.dtype, sharding=sharding)

    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([shape_of(variable.value) for variable in group] for group in variables)
    data = jax.tree.map(shape_of, tuple(batch))
    lowered = jax.jit(model.train_step).trace(state, data).lower(lowering_platforms=("tpu",))
    compiled = lowered.compile()
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    return {
        "argument_bytes": int(memory.argument_size_in_bytes),
        "temporary_bytes": int(memory.temp_size_in_bytes),
        "flops": float(cost.get("flops", 0.0)),
    }
