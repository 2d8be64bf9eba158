"""Texts of the help of commands."""


def examples(*lines: str) -> str:
    """Return the examples as the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
