from keras_cnn_zoo.layers.generation.gaussian_sampling import GaussianSampling

__all__ = [
    "GaussianSampling",
]
