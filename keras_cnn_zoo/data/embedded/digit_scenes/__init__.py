"""Real handwritten digits, alone or composed into scenes; no download, no files, no TensorFlow."""
