"""Facts about where requests to addresses that users name may go."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import httpcore
import httpx
import pytest
from ssrfguard import BlockedAddressError, BlockedURLError

from crm_adapters.webhooks.dns import AddressInfo, GetAddrInfo, Resolver
from crm_adapters.webhooks.egress import Egress
from crm_adapters.webhooks.policy import policy_of
from tests.adapters.receivers import Receiver, answers

# Every form of address that leads, or may lead, inside; facts collected in July to November 2026.
FORBIDDEN = [
    "0.0.0.0",  # noqa: S104  # called, not listened on
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",  # carriers' NAT
    "100.100.100.200",  # Alibaba's metadata
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # Azure's metadata, on an address that looks public
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",  # Oracle's metadata
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",  # benchmarking
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",  # IPv4-compatible
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",  # Teredo, server 0.0.0.0
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, client 127.0.0.1
    "2001:2::1",
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4
    "2002:a9fe:a9fe::1",
    "2002:0a00:0001::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",  # Amazon's metadata
    "fd20:ce::254",  # Google's
    "fe80::1",
    "fec0::1",
    "ff02::1",
]

DISGUISED = [
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0X7F.1",
    "0177.0.0.1",
    "0177.1",
    "127.1",
    "127.0.1",
    "1",
    "0",
    "127.0.0.1.",
    "0x7f.1.",
    "127。0。0。1",
    "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}\N{FULLWIDTH DIGIT SEVEN}.0.0.1",
    "\N{CIRCLED DIGIT ONE}\N{CIRCLED DIGIT TWO}\N{CIRCLED DIGIT SEVEN}.0.0.1",
    "\N{CIRCLED LATIN SMALL LETTER L}ocalhost",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "%6cocalhost",
    "127.0.0.1%00.example.com",
    "[::1%lo]",
    "[::1%25lo]",
    "[fe80::1%25eth0]",
    "[::ffff:127.0.0.1%25lo]",
    "[::ffff:0x7f.1]",
    "user@127.0.0.1",
    "user:password@127.0.0.1",
    "example.com@127.0.0.1",
    "127.0.0.1\\@example.com",
    "xn--",
    "xn--a.xn--",
    "a" * 64,
    "..",
    "",
]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listens on every address of this machine, IPv4 and IPv6."""
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        server.setblocking(False)  # noqa: FBT003  # the library's own
        yield server


def connections_of(listener: socket.socket) -> int:
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def status_of(url: str, **options: Any) -> int:
    """The status that a GET gets."""
    return statuses_of([url], **options)[0]


def statuses_of(urls: list[str], look_up: GetAddrInfo | None = None, **options: Any) -> list[int]:
    async def ask() -> list[int]:
        egress = Egress(policy_of(**options), getaddrinfo=look_up)
        try:
            return [await one(egress, url) for url in urls]
        finally:
            await egress.close()

    async def one(egress: Egress, url: str) -> int:
        async with asyncio.timeout(5), egress.request("GET", url, [], b"") as response:
            await response.aread()
            return response.status

    return asyncio.run(ask())


def resolving(*answers: str | list[str]) -> Callable[..., list[AddressInfo]]:
    """A name server whose answers change from one look-up to the next; the last one stays."""
    coming = [[answer] if isinstance(answer, str) else answer for answer in answers]

    def look_up(_: str, port: int, *__: object) -> list[AddressInfo]:
        addresses = coming.pop(0) if len(coming) > 1 else coming[0]
        return [socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0] for address in addresses]

    return look_up


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_forbidden_address_is_refused_before_anything_is_sent(
    scheme: str, address: str, listener: socket.socket
) -> None:
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(BlockedURLError):
        status_of(f"{scheme}://{host}:{listener.getsockname()[1]}/")

    assert connections_of(listener) == 0


@pytest.mark.parametrize("host", DISGUISED)
def test_an_address_in_disguise_is_refused_before_anything_is_sent(host: str, listener: socket.socket) -> None:
    with pytest.raises((BlockedURLError, BlockedAddressError, httpx.InvalidURL, ValueError, httpcore.ConnectError)):
        status_of(f"http://{host}:{listener.getsockname()[1]}/")

    assert connections_of(listener) == 0


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0x7f000001"])
def test_odd_spellings_of_addresses_are_refused_even_where_the_address_is_allowed(
    host: str, listener: socket.socket
) -> None:
    with pytest.raises((BlockedURLError, httpx.InvalidURL)):
        status_of(f"http://{host}:{listener.getsockname()[1]}/", allow_loopback=True)

    assert connections_of(listener) == 0


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_name_that_leads_to_a_forbidden_address_is_refused(address: str, listener: socket.socket) -> None:
    with pytest.raises(BlockedAddressError):
        status_of(f"http://name.example:{listener.getsockname()[1]}/", look_up=resolving(address))

    assert connections_of(listener) == 0


@pytest.mark.parametrize("answer", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::ffff:0:1"]])
def test_a_name_with_one_forbidden_address_is_refused_whole(answer: list[str], listener: socket.socket) -> None:
    with pytest.raises(BlockedAddressError):
        status_of(
            f"http://name.example:{listener.getsockname()[1]}/",
            look_up=resolving(answer),
            allow=[IPv4Network("127.0.0.1/32")],
        )

    assert connections_of(listener) == 0


def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    """The name is looked up once; a second look-up would lead elsewhere."""
    with Receiver() as receiver:
        status = status_of(receiver.url(host="name.example"), look_up=resolving("127.0.0.1", "10.0.0.1"),
                           allow=[IPv4Network("127.0.0.1/32")])  # fmt: skip

    assert status == 200


def test_a_name_is_checked_anew_for_each_connection() -> None:
    with Receiver(answers(200, {"Connection": "close"})) as receiver:
        url = receiver.url(host="name.example")

        with pytest.raises(BlockedAddressError):
            statuses_of([url, url], look_up=resolving("127.0.0.1", "127.0.0.2"), allow=[IPv4Network("127.0.0.1/32")])

    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.0.9", "::ffff:8.8.8.8", "64:ff9b::808:808",
     "2002:808:808::1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"],
)  # fmt: skip
def test_public_addresses_may_be_called(address: str) -> None:
    assert policy_of().permits_address(address)


@pytest.mark.parametrize("port", [1, 22, 80, 5432, 8000, 65_535])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_any_port_may_be_called(scheme: str, port: int) -> None:
    assert policy_of().check_url(f"{scheme}://example.com:{port}/").port == port


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/",
                                 "/path", "", "http://example.com:0/", "http://example.com:65536/"])  # fmt: skip
def test_other_schemes_and_ports_are_refused(url: str) -> None:
    with pytest.raises((BlockedURLError, httpx.InvalidURL)):
        status_of(url)


@pytest.mark.parametrize(
    ("allowed", "address", "may"),
    [
        ("10.2.0.0/16", "10.2.3.4", True),
        ("10.2.0.0/16", "10.3.0.1", False),
        ("10.2.0.0/16", "::ffff:10.2.3.4", False),
        ("10.2.0.0/16", "64:ff9b::a02:304", False),
        ("127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("fd00::/8", "fd00::1", True),
        ("0.0.0.0/0", "192.168.0.1", True),
        ("::/0", "fd12::1", True),
        # What a wide network does not open:
        ("0.0.0.0/0", "169.254.169.254", False),
        ("0.0.0.0/0", "169.254.0.1", False),
        ("0.0.0.0/0", "100.100.100.200", False),
        ("0.0.0.0/0", "192.0.0.192", False),
        ("0.0.0.0/0", "168.63.129.16", False),
        ("168.63.0.0/16", "168.63.129.16", False),
        ("168.0.0.0/5", "169.254.169.254", False),
        ("100.64.0.0/10", "100.100.100.200", False),
        ("100.64.0.0/10", "100.100.100.201", True),
        ("fd00::/8", "fd00:ec2::254", False),
        ("fd00::/8", "fd20:ce::254", False),
        ("::/0", "fe80::1", False),
        ("fe00::/7", "fe80::1", False),
        ("::/0", "fd00:ec2::254", False),
        ("::/0", "::ffff:169.254.169.254", False),
        ("::/0", "64:ff9b::a9fe:a9fe", False),
        ("::/0", "2002:a9fe:a9fe::1", False),
        ("::/0", "::a9fe:a9fe", False),
        # What is listed itself:
        ("169.254.0.0/16", "169.254.169.254", True),
        ("169.254.169.254/32", "169.254.169.254", True),
        ("169.254.169.0/24", "169.254.169.254", True),
        ("169.254.169.254/32", "169.254.170.2", False),
        ("fe80::/10", "fe80::1", True),
        ("fd00:ec2::254/128", "fd00:ec2::254", True),
        ("100.100.100.200/32", "100.100.100.200", True),
        ("168.63.129.16/32", "168.63.129.16", True),
        ("::1/128", "::1", True),
    ],
)
def test_an_allowed_network_opens_what_it_names(allowed: str, address: str, may: bool) -> None:  # noqa: FBT001
    assert policy_of([ip_network(allowed)]).permits_address(address) is may


@pytest.mark.parametrize("prefix", ["64:ff9b::/96", "::ffff:0:0/96", "2002::/16", "2002:7f00::/32"])
def test_a_prefix_that_carries_other_addresses_cannot_be_allowed(prefix: str) -> None:
    with pytest.raises(ValueError, match="IPv4 destination"):
        policy_of([IPv6Network(prefix)])


@pytest.mark.parametrize(("address", "may"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
                                              ("10.0.0.1", False), ("169.254.169.254", False),
                                              ("0.0.0.0", False), ("::ffff:10.0.0.1", False)])  # noqa: S104  # fmt: skip
def test_the_loopback_mode_opens_loopback_alone(address: str, may: bool) -> None:  # noqa: FBT001
    assert policy_of(allow_loopback=True).permits_address(address) is may


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_loopback_mode_reaches_this_machine(host: str) -> None:
    with Receiver() as receiver:
        assert status_of(receiver.url(host=host), allow_loopback=True) == 200


def test_ipv6_is_spoken() -> None:
    with Receiver(host="::1") as receiver:
        assert status_of(receiver.url(), allow_loopback=True) == 200

    assert receiver.requests[0].header("host") == f"[::1]:{receiver.port}"


def test_proxies_in_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)

        assert status_of(receiver.url(), allow_loopback=True) == 200

    assert proxy.connections == 0
    assert len(receiver.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    with Receiver() as target, Receiver() as receiver:
        receiver.then(answers(302, {"Location": target.url()}))

        assert status_of(receiver.url(), allow_loopback=True) == 302

    assert target.connections == 0


def test_cookies_are_not_kept() -> None:
    with Receiver(answers(200, {"Set-Cookie": "session=1; Path=/"})) as receiver:
        statuses_of([receiver.url()] * 2, allow_loopback=True)

    assert receiver.requests[1].header("cookie") is None


def test_a_connection_is_used_again() -> None:
    with Receiver() as receiver:
        statuses_of([receiver.url()] * 5, allow_loopback=True)

    assert receiver.connections == 1


def test_a_look_up_that_hangs_holds_one_thread_and_no_caller() -> None:
    may_end = threading.Event()
    asked: list[str] = []

    def look_up(host: str, port: int, *_: object) -> list[AddressInfo]:
        asked.append(host)
        if host == "stuck.example":
            may_end.wait()
        return [socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)[0]]

    async def ask(egress: Egress, url: str) -> int:
        async with egress.request("GET", url, [], b"") as response:
            return response.status

    async def ask_all(receiver: Receiver) -> list[int | BaseException]:
        egress = Egress(policy_of(allow_loopback=True), lookup_timeout=0.2, getaddrinfo=look_up)
        stuck = (ask(egress, receiver.url(host="stuck.example")) for _ in range(100))
        try:
            healthy = ask(egress, receiver.url(host="healthy.example"))
            return await asyncio.gather(*stuck, healthy, return_exceptions=True)
        finally:
            may_end.set()
            await egress.close()

    with Receiver() as receiver:
        *stuck, healthy = asyncio.run(ask_all(receiver))

    assert healthy == 200
    assert {type(error) for error in stuck} == {httpcore.ConnectError}
    assert asked.count("stuck.example") == 1


def test_a_name_is_looked_up_again_once_it_was_answered() -> None:
    resolver = Resolver(5, resolving("127.0.0.1", "127.0.0.2"))

    found = [resolver("name.example", 80)[0][4][0] for _ in range(2)]
    resolver.close()

    assert found == ["127.0.0.1", "127.0.0.2"]
