"""`python -m tuning.speech`, the same as `keras-cnn-zoo tune speech`."""

from keras_cnn_zoo.cli.search_commands import program
from keras_cnn_zoo.search.spaces.speech import SPACE

app = program(SPACE)

if __name__ == "__main__":
    app(prog_name="python -m tuning.speech")
