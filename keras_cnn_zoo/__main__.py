"""`python -m keras_cnn_zoo`, the same as `keras-cnn-zoo catalog`."""

import sys

from keras_cnn_zoo.cli.catalog_command import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m keras_cnn_zoo"))
