"""Logs: one line for whatever happened, on stderr; stdout is for what was asked for.

No line repeats what a record holds or a client sent: of an error there are its type and where it came from, and never
its text, which may quote values. PostgreSQL's do.
"""

import json
import logging
import logging.config
import re
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from crm_http.settings import Settings

_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "crm_http.telemetry.logs.TextLines"},
        "json": {"()": "crm_http.telemetry.logs.JsonLines"},
    },
    "loggers": {"crm": {"level": "INFO"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
#: Whatever would begin a line of its own, or steer a terminal.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(settings: Settings) -> None:
    """Log as the settings say."""
    logging.config.dictConfig(logging_config(settings))


def logging_config(settings: Settings) -> dict[str, Any]:
    """Logging in the format that the settings ask for."""
    handler = {"class": "logging.StreamHandler", "formatter": settings.log_format}
    return _LOGGING | {"handlers": {"stderr": handler}}


class TextLines(logging.Formatter):
    """A log record as a line, and a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in which nothing can begin another, and the traceback."""
        text = f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"
        line = _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)
        return f"{line}\n{_traceback(record.exc_info[1])}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is one text within it."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = _traceback(record.exc_info[1])
        return json.dumps(line)


def _traceback(error: BaseException | None) -> str:
    """Where an error came from, and what it came of, without the texts of either."""
    told = []
    while error is not None:
        told.append(f"{type(error).__module__}.{type(error).__qualname__}")
        told += [line.rstrip("\n") for line in traceback.format_tb(error.__traceback__)]
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = inner or error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is not None:
            told.append("which came of")
    return "\n".join(told)
