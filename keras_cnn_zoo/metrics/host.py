"""What the metrics share that compute on the host, outside the backend."""

from keras import ops


def on_host(owner, compared, name, values):
    """`values` as a NumPy array where they are a tensor, and as they are otherwise.

    Args:
        owner: Name of the metric.
        compared: What it compares, for the message.
        name: Name of the argument.
        values: The argument.

    Raises:
        RuntimeError: inside a compiled function, where a tensor has no values.
    """
    if not ops.is_tensor(values):
        return values
    try:
        return ops.convert_to_numpy(values)
    except (NotImplementedError, TypeError) as error:
        raise RuntimeError(
            f"`{owner}` compares {compared} on the host and cannot be compiled: call it outside `fit`, or "
            f"use `compile(run_eagerly=True)` on TensorFlow or PyTorch. Received: {name}={values}"
        ) from error
