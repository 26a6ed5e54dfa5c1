from keras_cnn_zoo.models.speech.keyword_cnn import KeywordCNN

__all__ = [
    "KeywordCNN",
]
