"""`python -m applications.speech fit | evaluate | predict | export`."""

from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.tasks import Speech

app = application(Speech())

if __name__ == "__main__":
    app(prog_name="python -m applications.speech")
