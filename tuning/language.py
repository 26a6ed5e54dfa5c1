"""`python -m tuning.language`, the same as `keras-cnn-zoo tune language`."""

from keras_cnn_zoo.cli.search_commands import program
from keras_cnn_zoo.search.spaces.language import SPACE

app = program(SPACE)

if __name__ == "__main__":
    app(prog_name="python -m tuning.language")
