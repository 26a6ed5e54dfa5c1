"""`python -m applications.classification fit | evaluate | predict | export`."""

from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.tasks import Classification

app = application(Classification())

if __name__ == "__main__":
    app(prog_name="python -m applications.classification")
