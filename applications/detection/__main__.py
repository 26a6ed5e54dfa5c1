"""`python -m applications.detection fit | evaluate | predict | export`."""

from applications.cli import application
from keras_cnn_zoo.tasks import Detection

app = application(Detection())

if __name__ == "__main__":
    app(prog_name="python -m applications.detection")
