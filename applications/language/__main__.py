"""`python -m applications.language fit | evaluate | predict | export`."""

from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.tasks import Language

app = application(Language())

if __name__ == "__main__":
    app(prog_name="python -m applications.language")
