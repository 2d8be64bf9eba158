"""Headers of HTTP messages, read and written."""
