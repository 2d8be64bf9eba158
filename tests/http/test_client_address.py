"""Whose address counts: the client's, as trusted proxies tell it, and nobody's invention."""

from ipaddress import ip_network
from typing import Any

import pytest

from crm_http.middleware.client_address import ClientAddresses, forwarded_nodes, read_node

TRUSTED = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")))


def seen(peer: str | None, *headers: tuple[bytes, bytes], trusted: Any = TRUSTED) -> str:
    scope: Any = {"client": None if peer is None else (peer, 1), "headers": headers}
    return ClientAddresses(trusted).of(scope)


@pytest.mark.parametrize(
    ("told", "address"),
    [
        (b"203.0.113.7", "203.0.113.7"),
        (b"1.1.1.1, 203.0.113.7", "203.0.113.7"),
        (b"1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (b"203.0.113.7,10.0.0.2,fd00::3", "203.0.113.7"),
        (b"10.0.0.2, 10.0.0.3", "10.0.0.2"),
        (b"203.0.113.7:4711", "203.0.113.7"),
        (b"[2001:db8::7]:4711", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"2001:DB8:0::7", "2001:db8::7"),
        (b"::ffff:203.0.113.7", "203.0.113.7"),
        (b"203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7"),
        (b" 203.0.113.7 ,, ", "203.0.113.7"),
        # Of what is left of an entry without an address nothing is known: the proxy that told it counts.
        (b"1.1.1.1, unknown", "10.0.0.1"),
        (b"1.1.1.1, junk, 10.0.0.2", "10.0.0.2"),
        (b"unix:", "10.0.0.1"),
        (b"256.1.1.1", "10.0.0.1"),
        (b"", "10.0.0.1"),
        (b"\xff\xfe", "10.0.0.1"),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_past_trusted_proxies(told: bytes, address: str) -> None:
    assert seen("10.0.0.1", (b"x-forwarded-for", told)) == address


@pytest.mark.parametrize(
    ("told", "address"),
    [
        (b"for=203.0.113.7", "203.0.113.7"),
        (b"For=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
        (b'proto=http;for="[2001:db8::7]:4711"', "2001:db8::7"),
        (b"for=1.1.1.1, for=203.0.113.7;proto=http , for=10.0.0.2", "203.0.113.7"),
        (b'for="203.0.113.7:80";host="a,b;for=1.1.1.1"', "203.0.113.7"),
        (b'for="\\2\\03.0.113.7"', "203.0.113.7"),
        (b"for=203.0.113.7:80", "203.0.113.7"),
        (b"for=_hidden", "10.0.0.1"),
        (b"for=unknown, for=10.0.0.2", "10.0.0.2"),
        (b"for=1.1.1.1, proto=http", "10.0.0.1"),
        # The client's quote swallows what the proxy appended.
        (b'for="1.1.1.1, for=203.0.113.7', "10.0.0.1"),
        (b'for=1.1.1.1;x=", for="[2001:db8::7]"', "10.0.0.1"),
        (b"for = 203.0.113.7", "10.0.0.1"),
        (b"nonsense", "10.0.0.1"),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says(told: bytes, address: str) -> None:
    assert seen("10.0.0.1", (b"forwarded", told)) == address


def test_several_lines_of_a_header_are_one_list() -> None:
    lines = (b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-for", b"10.0.0.2")

    assert seen("10.0.0.1", *lines) == "203.0.113.7"


@pytest.mark.parametrize("peer", ["203.0.113.9", "2001:db8::9", "172.16.0.1"])
def test_nobody_else_is_believed(peer: str) -> None:
    told = (b"x-forwarded-for", b"1.1.1.1"), (b"forwarded", b"for=1.1.1.1")

    assert seen(peer, *told) == peer
    assert seen("10.0.0.1", *told, trusted=()) == "10.0.0.1"


def test_two_headers_that_differ_are_not_believed() -> None:
    """One of them was passed on as the client sent it."""
    forged = (b"forwarded", b"for=1.1.1.1")

    assert seen("10.0.0.1", (b"x-forwarded-for", b"203.0.113.7"), forged) == "10.0.0.1"
    assert seen("10.0.0.1", (b"x-forwarded-for", b"1.1.1.1"), forged) == "1.1.1.1"


def test_a_peer_may_be_mapped_have_a_zone_or_no_address() -> None:
    told = (b"x-forwarded-for", b"203.0.113.7")

    assert seen("::ffff:10.0.0.1", told) == "203.0.113.7"
    assert seen("10.0.0.1", told, trusted=(ip_network("::ffff:10.0.0.0/104"),)) == "203.0.113.7"
    assert seen("fd00::1%eth0", told) == "203.0.113.7"
    assert seen("::ffff:203.0.113.9") == "203.0.113.9"
    assert seen("/run/crm.sock", told) == ""
    assert seen(None, told) == ""


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "01.2.3.4", "[::1", "::1]", "1.2.3.4:", "a.b.c.d", "1.2.3.4/8", "٣.1.1.1"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_node(text) is None


def test_a_long_header_is_read_in_time() -> None:
    for header in (b'for="' * 10_000, b"for=1.1.1.1," * 5_000, b'for="\\' * 10_000, b"; " * 30_000, b"a" * 60_000):
        forwarded_nodes(header)


@pytest.mark.parametrize(
    ("peer", "told", "scheme"),
    [
        ("10.0.0.1", b"https", "https"),
        ("10.0.0.1", b"HTTPS", "https"),
        ("10.0.0.1", b"http, https", "https"),
        ("10.0.0.1", b"https, http", "http"),
        ("10.0.0.1", b"javascript", "http"),
        ("10.0.0.1", b"", "http"),
        ("203.0.113.7", b"https", "http"),
        (None, b"https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_tells(peer: str | None, told: bytes, scheme: str) -> None:
    scope: Any = {"client": peer and (peer, 1), "headers": [(b"x-forwarded-proto", told)], "scheme": "http"}

    assert ClientAddresses(TRUSTED).scheme(scope) == scheme
