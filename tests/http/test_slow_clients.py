"""Clients that are slow, or do it on purpose, at the real server: nobody else is kept waiting for them."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import httpx
import pytest

from tests.http.conftest import Api
from tests.http.impatient import LIMITS
from tests.pictures import png

SECONDS = 30.0
LOGIN = b"POST /api-token-auth/ HTTP/1.1\r\nHost: crm\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    directory = tmp_path_factory.mktemp("files")
    process = subprocess.Popen([sys.executable, "-m", "tests.http.impatient", str(port), str(directory)])
    for _ in range(300):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            break
        assert process.poll() is None
        time.sleep(0.1)  # another process has no event to wait for
    yield port
    process.terminate()
    process.wait(SECONDS)


def connect(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.sendall(sent)
    return connection


def rest(connection: socket.socket) -> bytes:
    """All that still comes until the server closes the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(2**20), b""))


def test_a_body_that_stalls_is_given_up(port: int) -> None:
    connection = connect(port, LOGIN + b"{")

    assert connection.recv(12) == b"HTTP/1.1 408"
    connection.close()


def test_a_body_that_drips_is_given_up_as_a_whole(port: int) -> None:
    connection = connect(port, LOGIN)
    connection.settimeout(LIMITS.body_seconds / 10)
    answer = b""
    deadline = time.monotonic() + SECONDS
    while not answer:
        assert time.monotonic() < deadline
        connection.sendall(b" ")
        with contextlib.suppress(TimeoutError):
            answer = connection.recv(12)

    assert answer == b"HTTP/1.1 408"
    connection.close()


def test_bodies_that_are_waited_for_keep_nobody_else_waiting(port: int) -> None:
    waiting = [connect(port, LOGIN) for _ in range(10 * LIMITS.requests)]

    answers = {httpx.get(f"http://127.0.0.1:{port}/api/me/").status_code for _ in range(10)}

    assert answers == {401}
    assert {connection.recv(12) for connection in waiting} == {b"HTTP/1.1 408"}
    for connection in waiting:
        connection.close()


def test_a_client_that_does_not_read_is_cut_off(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client:
        api = Api(client.request).as_user("admin")
        path = f"/api/clients/{api.make('/api/clients/', name='Acme Corp')['id']}/"
        url = api.upload(path, png(padding=9 * 2**20)).json()["url"]
        slow = [asking_for(port, url) for _ in range(LIMITS.requests)]
        heads = [each.recv(12) for each in slow]
        # As many as may be worked on at once are held up now, until the server gives up.
        deadline = time.monotonic() + SECONDS
        while client.get("/api/me/").status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # another process has no event to wait for

    assert heads == [b"HTTP/1.1 200"] * LIMITS.requests
    assert all(len(rest(each)) < 9 * 2**20 for each in slow)


def test_a_follower_that_does_not_read_is_cut_off_and_delays_nobody(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client:
        api = Api(client.request).as_user("admin")
        start = api.get("/api/changes/?after=now").json()["next"]
        notes = [{"note": "x" * 10_000}] * 90
        for number in range(30):  # more than what kernels buffer
            api.make("/api/clients/", name=str(number), list_of_notes=notes)
        stream = f"Authorization: Token {api.token}\r\nAccept: text/event-stream"
        slow, heads = list[socket.socket](), list[bytes]()
        for _ in range(3 * LIMITS.requests):  # one after the other, as each has a place until it begins to send
            slow.append(asking_for(port, f"/api/changes/?after={start}&limit=1", stream))
            heads.append(slow[-1].recv(12))
        answers = {api.get("/api/me/").status_code for _ in range(20)}
        time.sleep(4 * LIMITS.send_seconds)  # nothing tells that the server has given up
        rests = [rest(each) for each in slow]

    assert heads == [b"HTTP/1.1 200"] * len(slow)
    assert answers == {200}
    assert all(b"caught-up" not in each for each in rests)


def asking_for(port: int, url: str, header: str = "Connection: close") -> socket.socket:
    """A connection that asks for something large and takes next to nothing."""
    connection = socket.socket()
    connection.settimeout(SECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(f"GET {url} HTTP/1.1\r\nHost: crm\r\n{header}\r\n\r\n".encode())
    return connection


REFUSED = [
    (413, "POST", "/api-token-auth/"),
    (401, "POST", "/api/clients/"),
    (404, "POST", "/api/nothing/"),
    (404, "POST", "/api//clients/"),
    (401, "DELETE", "/api-token-auth/"),
    (401, "GET", "/api/clients/"),
    (401, "OPTIONS", "/api/clients/"),
]


@pytest.mark.parametrize(("status", "method", "path"), REFUSED)
def test_a_connection_goes_on_after_a_refusal_of_which_the_body_was_sent(
    port: int, status: int, method: str, path: str
) -> None:
    connection = HTTPConnection("127.0.0.1", port, SECONDS)
    connection.connect()
    connection.auto_open = 0
    for _ in range(5):
        connection.request(method, path, b"x" * 3_000_000)
        refusal = connection.getresponse()

        assert refusal.status == status
        assert refusal.read()
        assert not refusal.will_close
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    connection.close()


def test_an_answer_before_the_end_of_a_huge_body_says_that_the_connection_closes(port: int) -> None:
    head = b"POST /api/clients/ HTTP/1.1\r\nHost: crm\r\nContent-Length: 1000000000\r\n\r\n"
    connection = connect(port, head)
    connection.sendall(b"x" * 17_000_000)

    answer = rest(connection)

    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer


def test_a_body_that_waits_for_100_continue_is_not_asked_for_when_the_request_is_refused(port: int) -> None:
    expecting = LOGIN.replace(b"Content-Length: 100\r\n", b"Content-Length: 9000\r\nExpect: 100-continue\r\n")
    connection = connect(port, expecting)

    answer = rest(connection)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer
