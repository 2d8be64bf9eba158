"""Logging to stderr, one line for each event; stdout is for the output of commands.

Logs never contain values of records or requests. An error is logged with its type and traceback but without its
message, which may quote values, as PostgreSQL's messages do.
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
        "text": {"()": "crm_http.telemetry.logs.TextFormatter"},
        "json": {"()": "crm_http.telemetry.logs.JsonFormatter"},
    },
    "loggers": {"crm": {"level": "INFO"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
#: Characters that would start a new line or control a terminal.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(settings: Settings) -> None:
    """Configure logging by the settings."""
    logging.config.dictConfig(logging_config(settings))


def logging_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of logging (``logging.config.dictConfig``) in the format of the settings."""
    handler = {"class": "logging.StreamHandler", "formatter": settings.log_format}
    return _LOGGING | {"handlers": {"stderr": handler}}


class TextFormatter(logging.Formatter):
    """Formats a log record as one line, with a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with control characters escaped, and the traceback."""
        text = f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"
        line = _CONTROLS.sub(lambda control: repr(control[0])[1:-1], text)
        return f"{line}\n{_traceback(record.exc_info[1])}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """Formats a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback is one text in it."""
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
    """Return the traceback of an error and its causes, without their messages."""
    lines = []
    while error is not None:
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        lines += [line.rstrip("\n") for line in traceback.format_tb(error.__traceback__)]
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = inner or error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is not None:
            lines.append("caused by")
    return "\n".join(lines)
