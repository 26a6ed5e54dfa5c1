"""`python -m tuning.deeplab`, the same as `keras-cnn-zoo tune deeplab`."""

from keras_cnn_zoo.cli.search_commands import program
from keras_cnn_zoo.search.spaces.deeplab import SPACE

app = program(SPACE)

if __name__ == "__main__":
    app(prog_name="python -m tuning.deeplab")
