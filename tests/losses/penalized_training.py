"""One Keras training step on a gradient penalty, compared with finite differences, for any backend."""

import contextlib

import keras
import numpy as np

from keras_cnn_zoo.losses import gradient_penalty
from keras_cnn_zoo.testing.draws import fixed_draws

STEP = 1e-5


class PenalizedCritic(keras.Model):
    """A critic of two layers whose only loss is its gradient penalty.

    The layers are written out because Keras' Dense computes float64 in float32 on PyTorch.
    """

    def __init__(self):
        super().__init__(dtype="float64")
        self.seed_generator = keras.random.SeedGenerator(0)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 7), name="kernel")
        self.bias = self.add_weight(shape=(7,), name="bias")
        self.out = self.add_weight(shape=(7,), name="out")
        self.built = True

    def call(self, inputs):
        hidden = keras.ops.softplus(keras.ops.einsum("bi,ih->bh", inputs, self.kernel) + self.bias)
        return keras.ops.einsum("bh,h->b", hidden, self.out)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return gradient_penalty(self.call, x, y, seed=self.seed_generator)


@contextlib.contextmanager
def wide_numbers():
    """Makes Keras use float64, because it casts arrays to its float type before a training step."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def derivatives(jit_compile):
    """Returns pairs of directional derivatives per weight: of the training step, and measured."""
    generator = np.random.default_rng(0)
    with wide_numbers(), fixed_draws():
        critic = PenalizedCritic()
        critic.build((None, 4))
        weights = [generator.normal(size=variable.shape) for variable in critic.trainable_variables]
        directions = [generator.normal(size=weight.shape) for weight in weights]
        real, fake = generator.normal(size=(2, 6, 4))

        def measured(place, step):
            moved = list(weights)
            moved[place] = moved[place] + step * directions[place]
            critic.set_weights(moved)
            with fixed_draws():
                return float(gradient_penalty(critic.call, real, fake, seed=critic.seed_generator))

        slopes = [(measured(i, STEP) - measured(i, -STEP)) / (2 * STEP) for i in range(len(weights))]
        critic.set_weights(weights)
        critic.compile(keras.optimizers.SGD(1.0), jit_compile=jit_compile)
        with fixed_draws():
            critic.fit(real, fake, batch_size=6, epochs=1, verbose=0, shuffle=False)
        steps = zip(weights, critic.trainable_variables, directions, strict=True)
        trained = [
            float(((weight - keras.ops.convert_to_numpy(variable)) * direction).sum())
            for weight, variable, direction in steps
        ]
    return list(zip(trained, slopes, strict=True))
