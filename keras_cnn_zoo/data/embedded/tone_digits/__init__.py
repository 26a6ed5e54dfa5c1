"""Digits as a telephone dials them, in noise; no download, no files, no TensorFlow."""
