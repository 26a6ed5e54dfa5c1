"""The contract on the backends that this process does not run: C4, C8 and C9 on JAX and PyTorch."""

from keras_cnn_zoo.testing.backends.elsewhere import APPLICABLE, Elsewhere, run_elsewhere
from keras_cnn_zoo.testing.backends.job import BackendOutcome

__all__ = ["APPLICABLE", "BackendOutcome", "Elsewhere", "run_elsewhere"]
