"""Epochs without training: a callback sees the logs that it is given."""

import keras


def epochs_run(callback, logs):
    """Returns how many epochs run before `callback` ends training.

    Args:
        callback: A `keras.callbacks.Callback`.
        logs: List of dicts, the logs of each epoch, given to the callback as they are.

    Returns:
        The number of epochs, at most `len(logs)`.
    """
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    callback.set_params({"epochs": len(logs), "steps": 0, "verbose": 0})
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    epochs = 0
    for epoch, shown in enumerate(logs):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, shown)
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end()
    return epochs
