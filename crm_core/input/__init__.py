"""What comes in: from plain values to checked ones, with every problem of every field at once."""
