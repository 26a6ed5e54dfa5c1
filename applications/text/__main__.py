"""`python -m applications.text fit | evaluate | predict | export`."""

from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.tasks.text import Text

app = application(Text())

if __name__ == "__main__":
    app(prog_name="python -m applications.text")
