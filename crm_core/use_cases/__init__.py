"""The asynchronous shell of the core: each use case reads, lets a pure function decide, and stores."""
