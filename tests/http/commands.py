"""Runs `crm` in this process, as its own takes most of a second to import all; `Server` and others start real ones."""

import gc
import io
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from crm_http.cli import main

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


def environment(data_dir: Path, **settings: str) -> Mapping[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return others | {"CRM_DATA_DIR": str(data_dir)} | settings


class Finished(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def password(self) -> str | None:
        found = re.search(r"^Password +(\S+) \(shown this once\)$", self.out, re.MULTILINE)
        return found[1] if found else None


class Crm:
    """Runs commands on one data directory, in a folder."""

    folder = Path()

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.environment = environment(data_dir, **settings)

    def __call__(self, *words: str, given: str = "") -> Finished:
        files = [io.TextIOWrapper(io.BytesIO(content), "utf-8") for content in (given.encode(), b"", b"")]
        with _as_before(), pytest.MonkeyPatch.context() as patch:
            for name, file in zip(("stdin", "stdout", "stderr"), files, strict=True):
                patch.setattr(sys, name, file)
            patch.setattr(sys, "argv", ["crm", *words])
            patch.chdir(self.folder)
            os.environ.clear()
            os.environ.update(self.environment)
            code = main.main()
        return Finished(code, *map(_written, files[1:]))

    def __getitem__(self, words: str) -> str:
        """What a command says that must succeed."""
        ran = self(*words.split())
        assert ran.code == 0, ran
        return ran.out


@contextmanager
def _as_before() -> Iterator[None]:
    """Undo what a command does to its process, which would have ended."""
    variables, thresholds = dict(os.environ), gc.get_threshold()
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        gc.set_threshold(*thresholds)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _written(file: io.TextIOWrapper) -> str:
    file.flush()
    file.seek(0)
    return file.read()


def is_one_line(text: str) -> bool:
    return text.startswith("crm: ") and text.endswith("\n") and text.count("\n") == 1
