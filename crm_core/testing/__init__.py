"""The harness for adapters: what clients may send, what every Database must do, and a machine that compares two."""
