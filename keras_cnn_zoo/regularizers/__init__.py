from keras_cnn_zoo.regularizers.kernel_smoothness import KernelSmoothness
from keras_cnn_zoo.regularizers.lp import Lp

__all__ = [
    "KernelSmoothness",
    "Lp",
]
