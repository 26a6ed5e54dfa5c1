"""Real handwritten digits, alone or composed into scenes. Needs no download, files, or TensorFlow."""
