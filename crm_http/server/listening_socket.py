"""Binds the TCP port that a server listens on."""

import errno
import socket

from crm_http.server.errors import FailedError


def claim_port(host: str, port: int) -> socket.socket:
    """Bind the port, so that no other process can listen there, and return the socket. Raises FailedError.

    The workers share the port by SO_REUSEPORT, so a second server could share it unnoticed. Therefore the port is first
    bound without that option. The socket stays bound, but never listens.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # A name such as localhost may be both, and those who can reach it by IPv6 can by IPv4.
        family, kind, _, _, address = min(addresses, key=lambda entry: entry[0] != socket.AF_INET)
        claim = socket.socket(family, kind)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # earlier connections may linger
        claim.bind(address)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        reason = "another process listens there" if is_taken else error.strerror or str(error)
        raise FailedError(
            f"Cannot listen on {host_and_port(host, port)}: {reason}. "
            "Choose by --host and --port, or CRM_HOST and CRM_PORT."
        ) from error
    return claim


def host_and_port(host: str, port: int) -> str:
    """Return host and port as in a URL, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
