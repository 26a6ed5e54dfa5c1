"""Batches for `fit` on every backend, in an order that is a function of (seed, epoch)."""

import keras
import numpy as np

from keras_cnn_zoo.utils.errors import InputError


class Batches(keras.utils.PyDataset):
    """A split cut into batches: what `fit`, `evaluate` and `predict` take on TensorFlow, JAX and PyTorch.

    The order of the examples and every random draw are functions of (seed, epoch, batch), so a run that was
    killed and goes on sees what an unbroken one would have seen. Give `fit` both `shuffle=False` (Keras' own
    shuffle draws from a generator that no checkpoint holds) and `callbacks=[batches.clock()]`.

    Args:
        split: sequence of example dicts, such as `source.splits["train"]`.
        prepare: function (examples, seed) to the batch: `x`, `(x, y)` or `(x, y, sample_weight)`; `seed` is
            the tuple (seed, epoch, batch).
        batch_size: positive integer; a training batch is never larger than the split.
        seed: non-negative integer.
        training: shuffle, and drop the last, smaller batch, so that every step has one static shape.
        workers: threads that prepare batches ahead; 0 prepares them in the training thread.
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
        except InputError as error:
            # TensorFlow turns what its loader threads raise into errors of its own: kept for `fit`'s caller.
            self.failure = error
            raise
        return self.prepare(examples, (self.seed, self.epoch, index))

    def order(self):
        """Indices of the examples in the order of the current epoch."""
        if not self.training:
            return np.arange(len(self.split))
        return np.random.default_rng((self.seed, self.epoch)).permutation(len(self.split))

    def on_epoch_end(self):
        """Without the clock, an order of its own for each epoch; `fit` may call this once too often."""
        self.epoch += 1

    def clock(self):
        """A callback that tells these batches the epoch, wherever `fit` starts.

        Keras itself cannot be asked: before the first epoch it looks at some batches to build the model, and
        on every backend it announces the beginning and end of that look differently.
        """
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self._set_epoch(epoch + 1))

    def _set_epoch(self, epoch):
        self.epoch = epoch
