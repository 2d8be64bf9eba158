"""The Database port: batched reads, decisions under locks, group commits, and replicas."""
