import os

# TensorFlow reads this when it is first imported. Its start-up log is noise for users.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
