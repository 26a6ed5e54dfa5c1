"""`python -m applications.segmentation fit | evaluate | predict | export`."""

from applications.cli import application
from keras_cnn_zoo.tasks import Segmentation

app = application(Segmentation())

if __name__ == "__main__":
    app(prog_name="python -m applications.segmentation")
