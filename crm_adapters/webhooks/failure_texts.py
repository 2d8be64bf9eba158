"""Texts that say why a request to a webhook's receiver failed.

They are our own, as the texts of exceptions may quote URLs, headers and internal addresses.
"""

import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpcore
import httpx
from ssrfguard import BlockedAddressError, BlockedURLError

from crm_core.webhooks.attempts import Outcome

_MAX_LENGTH: Final = 300


class UnsendableError(Exception):
    """The request cannot be made; the message says why, for people."""


def outcome_of(error: Exception) -> Outcome:
    """Return the outcome of an attempt that ended with this error."""
    return Outcome(
        error=_line(error)[:_MAX_LENGTH],
        timed_out=isinstance(error, (TimeoutError, httpcore.TimeoutException)),
        is_hopeless=isinstance(error, (UnsendableError, BlockedURLError, *_MALFORMED)),
    )


# h11 checks headers only when they are sent, and the codec "idna" checks names only when they are looked up.
_MALFORMED: Final = (httpx.InvalidURL, httpcore.UnsupportedProtocol, httpcore.LocalProtocolError, UnicodeError)


def _line(error: Exception) -> str:
    match error:
        case UnsendableError():
            return str(error)
        case BlockedURLError(__cause__=BlockedAddressError(reason=reason)):
            return f"The URL's address may not be called: {reason}."
        case BlockedURLError():
            return "The URL may not be called: it takes http or https, no credentials, and a host in a plain spelling."
        case BlockedAddressError():
            return "The receiver's name leads to an address that may not be called."
        case httpcore.ConnectError():
            return _connect_line(error)
        case _:
            return _LINES.get(type(error)) or f"The request failed ({type(error).__name__})."


_MALFORMED_LINE: Final = "The URL or a header cannot be sent."
_BROKEN_LINE: Final = "The connection broke before there was an answer."
_LINES: Final[dict[type[Exception], str]] = {
    TimeoutError: "The receiver did not answer in time.",
    httpcore.ConnectTimeout: "The receiver could not be connected to in time.",
    httpx.InvalidURL: "The URL is not valid.",
    httpcore.UnsupportedProtocol: "The URL is not valid.",
    httpcore.LocalProtocolError: _MALFORMED_LINE,
    httpcore.ReadError: _BROKEN_LINE,
    httpcore.WriteError: _BROKEN_LINE,
    httpcore.RemoteProtocolError: "The receiver broke off the connection or did not answer in HTTP.",
}


def _connect_line(error: httpcore.ConnectError) -> str:
    for reason in _reasons(error):
        match reason:
            case socket.gaierror():
                return "The receiver's name could not be resolved."
            case ssl.SSLCertVerificationError():
                return f"The receiver's certificate is not valid: {reason.verify_message}."
            case ssl.SSLError():
                return "No TLS connection could be made to the receiver."
    return "The receiver could not be connected to."


def _reasons(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
