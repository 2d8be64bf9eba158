"""Finds the names of the authors of tasks and notes in JSON (decision 120)."""

import json
import re
from typing import Final

#: What takes the place of a match of ``author_pattern``, for ``re.sub`` and for PostgreSQL; ``{}`` is a JSON text.
_REPLACEMENT: Final = r"\1{}"


def author_pattern(user: int) -> str:
    """Return the pattern of the author of a task or note in JSON, the same for Python and for PostgreSQL.

    The two members of an author stand next to each other. In texts they would have backslashes before their quotes.
    """
    return rf'("user_id"\s*:\s*{user:d}\s*,\s*"user_name"\s*:\s*)"(?:[^"\\]|\\.)*"'


def author_replacement(name: str) -> str:
    """Return what replaces the match: the same author with another name, which has letters, digits and hyphens only."""
    return _REPLACEMENT.format(json.dumps(name))


def with_author(text: str, user: int, name: str) -> str:
    """Return JSON with another name of an author.

    >>> with_author('[{"note":"a","user_id":5,"user_name":"Ann"}]', 5, "erased-5")
    '[{"note":"a","user_id":5,"user_name":"erased-5"}]'
    """
    return re.sub(author_pattern(user), author_replacement(name), text)
