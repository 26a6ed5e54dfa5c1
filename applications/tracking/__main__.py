"""`python -m applications.tracking fit | evaluate | predict | export`."""

from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.tasks import Tracking

app = application(Tracking())

if __name__ == "__main__":
    app(prog_name="python -m applications.tracking")
