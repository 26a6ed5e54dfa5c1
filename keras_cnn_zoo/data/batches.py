"""Batches for `fit` on every backend, in an order that is a function of (seed, epoch)."""

import contextlib

import keras
import numpy as np

from keras_cnn_zoo.utils.errors import InputError


class Batches(keras.utils.PyDataset):
    """A split cut into batches, for `fit`, `evaluate`, and `predict` on TensorFlow, JAX, and PyTorch.

    The order of the examples and every random draw are functions of (seed, epoch, batch). A killed run that
    resumes therefore sees the same batches as an uninterrupted one. Give `fit` both `shuffle=False` (Keras'
    own shuffle draws from a generator that is not in the checkpoint) and `callbacks=[batches.clock()]`.

    Args:
        split: sequence of example dicts, such as `source.splits["train"]`.
        prepare: function (examples, seed) that returns the batch: `x`, `(x, y)`, or `(x, y, sample_weight)`.
            `seed` is the tuple (seed, epoch, batch).
        batch_size: positive integer. A training batch is never larger than the split.
        seed: non-negative integer.
        training: whether to shuffle, and to drop a smaller last batch so that all batches have one shape.
        workers: number of threads that prepare batches ahead. 0 prepares them in the training thread.
    """

    def __init__(self, split, prepare, *, batch_size, seed=0, training=False, workers=2):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        if not len(split):
            raise ValueError("`split` must have examples. Received: an empty split")
        self.split = split
        self.prepare = prepare
        self.batch_size = min(batch_size, len(split)) if training else batch_size
        self.seed = seed
        self.training = training
        # Counted from 1, as in the history that `fit` prints.
        self.epoch = 1
        self.failure = None

    def __len__(self):
        if self.training:
            return len(self.split) // self.batch_size
        return (len(self.split) + self.batch_size - 1) // self.batch_size

    def __getitem__(self, index):
        indices = self.order()[index * self.batch_size : (index + 1) * self.batch_size]
        try:
            examples = [self.split[int(i)] for i in indices]
            # It may read further examples, as for a mosaic.
            return self.prepare(examples, (self.seed, self.epoch, index))
        except InputError as error:
            # TensorFlow replaces errors from its loader threads. The original is kept for `fit`'s caller.
            self.failure = error
            raise

    def order(self):
        """Returns the indices of the examples in the order of the current epoch."""
        if not self.training:
            return np.arange(len(self.split))
        return np.random.default_rng((self.seed, self.epoch)).permutation(len(self.split))

    def on_epoch_end(self):
        """Moves to the next epoch's order, for use without the clock. `fit` may call it once too often."""
        self.epoch += 1

    @contextlib.contextmanager
    def own_errors(self):
        """Raises the error of an example that could not be read instead of the one that Keras makes of it."""
        try:
            yield
        except Exception as error:
            if self.failure is not None:
                raise self.failure from error
            raise

    def clock(self):
        """Returns a callback that sets the epoch of these batches, also when `fit` resumes.

        Keras does not give the epoch. Before the first epoch it also reads some batches to build the model,
        and each backend signals the start and end of that differently.
        """
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self._set_epoch(epoch + 1))

    def _set_epoch(self, epoch):
        self.epoch = epoch
