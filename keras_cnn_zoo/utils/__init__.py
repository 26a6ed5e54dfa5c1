"""What every part stands on: argument checks, errors, and gradients on each backend."""
