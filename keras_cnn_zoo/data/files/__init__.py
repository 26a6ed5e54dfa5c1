"""Files of one kind, checked and decoded."""
