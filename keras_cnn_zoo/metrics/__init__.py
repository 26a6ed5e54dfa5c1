from keras_cnn_zoo.metrics.character_error_rate import CharacterErrorRate

__all__ = [
    "CharacterErrorRate",
]
