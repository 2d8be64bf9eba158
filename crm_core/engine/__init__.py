"""The engine of all resources: decisions about changes, and queries of lists."""
