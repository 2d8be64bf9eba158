"""Reads JSONL files: an object on each line."""

import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Final

from crm_adapters.tables.csv_rows import ReadRow
from crm_adapters.tables.text_files import open_text, read_line, undecodable
from crm_core.input.json_values import MAX_DEPTH, read_plain
from crm_core.input.readers import RefusedError
from crm_core.model.plain_values import json_text, parse_json
from crm_core.tables.rows import Header, TableOptions

_NO_OBJECT: Final = "{}"
#: How JSON escapes half of a pair of surrogates; only such lines are looked at for one without the other half.
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class JsonlRows:
    """The objects of a JSONL file; each is passed on as it is written.

    Args:
        file: the file.
        options: what it does not say about itself.
    """

    def __init__(self, file: BufferedReader, options: TableOptions) -> None:
        self.notes: list[str] = []
        self._file = file
        self._text = open_text(file, options.encoding)

    def header(self) -> Header:
        """Return an empty header: every object names its members."""
        return Header()

    def rows(self) -> Iterator[ReadRow]:
        """Yield the lines that are not blank. Raises FileProblem."""
        number = 1
        try:
            while line := read_line(self._text, number):
                if bare := line.strip():
                    problem = _problem(bare)
                    yield number, _NO_OBJECT if problem else bare, problem, len(line)
                number += 1
        except UnicodeDecodeError:
            raise undecodable(self._file, self._text.encoding) from None


def _problem(line: str) -> str:
    try:
        value = parse_json(line)
        # Few brackets cannot nest deeply, so only other lines are walked.
        if line.count("[") + line.count("{") > MAX_DEPTH:
            read_plain(value)
        if _ESCAPED_SURROGATE.search(line):
            json_text(value).encode()
    except UnicodeEncodeError:
        return "The line has a surrogate character without the other half of its pair."
    except (RecursionError, RefusedError):
        return "The line is nested too deeply."
    except ValueError as error:
        return f"The line is not JSON: {error}."
    return "" if isinstance(value, dict) else "The line is not an object: { and } around its members."
