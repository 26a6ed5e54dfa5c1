"""Conversion of tensors for the metrics that compute on the host, outside the backend."""

from keras import ops


def on_host(owner, compared, name, values):
    """Converts `values` to a NumPy array if they are a tensor, and else returns them unchanged.

    Args:
        owner: Name of the metric.
        compared: Plural noun for the compared values, for the message.
        name: Name of the argument.
        values: The argument.

    Raises:
        RuntimeError: in a compiled function, where a tensor has no values.
    """
    if not ops.is_tensor(values):
        return values
    try:
        return ops.convert_to_numpy(values)
    except (NotImplementedError, TypeError) as error:
        raise RuntimeError(
            f"`{owner}` compares {compared} on the host and cannot be compiled. Call it outside `fit`, or "
            f"use `compile(run_eagerly=True)` on TensorFlow or PyTorch. Received: {name}={values}"
        ) from error
