"""Composition and supervision: settings to adapters to the app, and the processes that serve it."""
