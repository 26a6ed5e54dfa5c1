from keras_cnn_zoo.layers.segmentation.atrous_spatial_pyramid_pooling import AtrousSpatialPyramidPooling2D

__all__ = [
    "AtrousSpatialPyramidPooling2D",
]
