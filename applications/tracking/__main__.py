"""`python -m applications.tracking fit | evaluate | predict | export`."""

from applications.cli import application
from keras_cnn_zoo.tasks import Tracking

app = application(Tracking())

if __name__ == "__main__":
    app(prog_name="python -m applications.tracking")
