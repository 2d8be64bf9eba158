"""The guard against texts that spreadsheets take for formulas (CWE-1236), which reading takes back (decision 88).

A text that begins like a formula gets an apostrophe before it, which spreadsheets read as "this is a text". So that no
text is spoilt, those that begin with apostrophes and then like a formula get one more. An empty text is written as one
apostrophe, as an empty cell means no value. So each text has one guarded form, and no two texts have the same.
"""

import re
from typing import Final

#: How a formula begins in a spreadsheet of any language; or the end, as for an empty text.
_SIGNS: Final = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_BEGIN: Final = rf"(?:[{re.escape(_SIGNS)}]|\Z)"
_NEEDS_GUARD: Final = re.compile(f"'*{_BEGIN}")
_IS_GUARDED: Final = re.compile(f"'+{_BEGIN}")
_SUSPECTS: Final = frozenset({"", "'", *_SIGNS})


def guard(text: str) -> str:
    """Return a text as a cell of a CSV file; the result is never empty.

    >>> guard("=1+1"), guard("'=1"), guard("Anne"), guard("'Anne"), guard("")
    ("'=1+1", "''=1", 'Anne', "'Anne", "'")
    """
    # Most texts are known by their first character.
    return f"'{text}" if text[:1] in _SUSPECTS and _NEEDS_GUARD.match(text) else text


def guard_apostrophes(text: str) -> str:
    """Return a text as a text cell of a workbook, where formulas have a type of their own and need no guard.

    >>> guard_apostrophes("=1+1"), guard_apostrophes("'=1"), guard_apostrophes("")
    ('=1+1', "''=1", "'")
    """
    return f"'{text}" if not text or _IS_GUARDED.match(text) else text


def unguard(cell: str) -> str:
    """Return the text that was guarded; a cell that was not guarded is returned as it is.

    >>> unguard("'=1+1"), unguard("'+49 30 1234"), unguard("=1+1"), unguard("'Anne"), unguard("'")
    ('=1+1', '+49 30 1234', '=1+1', "'Anne", '')
    """
    return cell[1:] if _IS_GUARDED.match(cell) else cell
