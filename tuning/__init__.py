import os

# TensorFlow reads this when it is first imported. Its start-up log helps no one who trains.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
