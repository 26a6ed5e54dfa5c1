"""The dial tones of a telephone's digits, in noise. Needs no download, files, or TensorFlow."""
