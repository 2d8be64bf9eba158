"""The Database port: reads in batches, transactions, commits in groups, and replicas."""
