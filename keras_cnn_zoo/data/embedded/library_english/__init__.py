"""English sentences from the standard library's documentation, classified by the package they document."""
