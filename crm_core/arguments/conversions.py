"""What conversions of attributes take."""

from typing import TypedDict


class ConversionOptions(TypedDict, total=False):
    """How the values of an attribute are converted.

    Attributes:
        failing: ``clear`` takes values that cannot be converted from their records; ``refuse``, the default, refuses.
        decimal: the sign before the fraction of numbers in texts, ``.`` unless it is ``,``.
        format: how texts write dates, such as ``DD.MM.YYYY``.
        true: the words for true.
        false: the words for false.
    """

    failing: str
    decimal: str
    format: str
    true: list[str] | tuple[str, ...]
    false: list[str] | tuple[str, ...]
