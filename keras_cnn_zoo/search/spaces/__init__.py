"""One file per search: what it varies, and over which values."""
