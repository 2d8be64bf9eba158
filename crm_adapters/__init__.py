"""Adapters: implementations of the ports of the core, on real systems and in memory."""
