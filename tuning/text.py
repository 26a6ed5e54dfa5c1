"""`python -m tuning.text`, the same as `keras-cnn-zoo tune text`."""

from keras_cnn_zoo.cli.search_commands import program
from keras_cnn_zoo.search.spaces.text import SPACE

app = program(SPACE)

if __name__ == "__main__":
    app(prog_name="python -m tuning.text")
