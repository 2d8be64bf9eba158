"""Adapters: the ports of the core on real things, and in memory."""
