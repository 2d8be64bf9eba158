"""How a change is decided, and how a list is asked for."""
