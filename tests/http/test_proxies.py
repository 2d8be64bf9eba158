"""The sample configurations of docs/how-to/deploy.md, in the real nginx and Caddy in front of the real server."""

import contextlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import httpx
import pytest

from tests.http.conftest import PASSWORD, Api, Server, serving
from tests.markdown import blocks
from tests.pictures import png

PATH = f"{os.environ['PATH']}:/usr/sbin"
PAGE = "docs/how-to/deploy.md"
#: The address that clients come from, which is not the proxy's.
CLIENT = "127.0.0.9"
SECONDS = 20.0
ROOT = "/crm"


class Sample(NamedTuple):
    """A program, and its configuration on this machine.

    Attributes:
        block: the name of the block in the page.
        command: starts it in the foreground; ``{0}`` is the directory with the file ``configuration``.
        around: what surrounds the sample in a complete configuration; ``%s`` is its place.
        places: what in the sample is another thing here.
        below: what is changed to serve below ``ROOT``: without removing it, or removing it.
    """

    block: str
    command: tuple[str, ...]
    around: str
    places: dict[str, str]
    below: dict[str, dict[str, str]]


SAMPLES = {
    "nginx": Sample(
        "nginx 1",
        ("nginx", "-c", "{0}/configuration", "-e", "{0}/errors", "-g", "daemon off; pid {0}/pid;"),
        "user root;\nevents {}\nhttp {\n%s\n}\n" if os.geteuid() == 0 else "events {}\nhttp {\n%s\n}\n",
        {
            "127.0.0.1:8000": "127.0.0.1:{upstream}",
            "listen 443 ssl": "listen 127.0.0.1:{port} ssl",
            "/etc/ssl/certs/crm.pem": "{place}/crm.pem",
            "/etc/ssl/private/crm.key": "{place}/crm.key",
            "/var/log/nginx/crm.log": "{place}/log",
        },
        {
            "kept": {"location / {{": f"location {ROOT}/ {{{{"},
            "removed": {"location / {{": f"location {ROOT}/ {{{{", "http://crm;": "http://crm/;"},
        },
    ),
    "caddy": Sample(
        "Caddy 1",
        ("caddy", "run", "--adapter", "caddyfile", "--config", "{0}/configuration"),
        "{\n\tadmin off\n\tauto_https disable_redirects\n}\n%s",
        {
            "127.0.0.1:8000": "127.0.0.1:{upstream}",
            "crm.example.org {{": "https://127.0.0.1:{port} {{\n\ttls {place}/crm.pem {place}/crm.key",
        },
        {
            "kept": {"reverse_proxy 127": f"reverse_proxy {ROOT}/* 127"},
            "removed": {"\t@unnamed": f"\turi strip_prefix {ROOT}\n\t@unnamed"},
        },
    ),
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def configuration(sample: Sample, place: pathlib.Path, upstream: int, port: int, changes: dict[str, str]) -> str:
    """A sample with the places of this machine; each of them must be in it."""
    text = blocks(PAGE)[sample.block].text.replace("{", "{{").replace("}", "}}")
    for given, here in (changes | sample.places).items():
        assert given in text, given
        text = text.replace(given, here)
    return sample.around % text.format(place=place, upstream=upstream, port=port)


@contextlib.contextmanager
def proxied(name: str, place: pathlib.Path, upstream: int, changes: dict[str, str] | None = None) -> Iterator[str]:
    """Run a sample in front of a port; the URL of the proxy."""
    sample, port = SAMPLES[name], free_port()
    for program in (sample.command[0], "openssl"):
        if shutil.which(program, path=PATH) is None:
            pytest.skip(f"there is no {program} here: apt-get install {program}")
    make_certificate(place)
    text = configuration(sample, place, upstream, port, changes or {})
    (place / "configuration").write_text(text, "utf-8")
    command = [part.format(place) for part in sample.command]
    environment = {"PATH": PATH, "HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    with (place / "output").open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            wait_for(port, process)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(SECONDS)


def make_certificate(place: pathlib.Path) -> None:
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    files = ["-keyout", str(place / "crm.key"), "-out", str(place / "crm.pem")]
    names = ["-subj", "/CN=crm.example.org", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*new, *files, *names], check=True, capture_output=True)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the proxy ended early"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)  # another process has no event to wait for
    raise AssertionError("the proxy did not get ready")


@contextlib.contextmanager
def client_of(url: str, place: pathlib.Path) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=str(place / "crm.pem"))
    transport = httpx.HTTPTransport(verify=context, local_address=CLIENT)
    with httpx.Client(base_url=url, transport=transport, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def behind(migrated_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("behind")
    with serving(migrated_database(), place / "served", CRM_TRUSTED_PROXIES="127.0.0.1", CRM_ROOT_PATH=ROOT) as server:
        yield server


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_passes_on_what_the_server_needs(
    migrated_database: Callable[[], str], tmp_path: pathlib.Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        serving(migrated_database(), tmp_path / "served", CRM_TRUSTED_PROXIES="127.0.0.1") as server,
        proxied(name, tmp_path, server.port) as url,
        client_of(url, tmp_path) as client,
    ):
        api = Api(client.request).as_user("admin")
        made = api.post("/api/clients/", {"name": "a", "list_of_notes": [{"note": "n " * 1_000}]})
        place = made.headers["Location"]
        coded = api.get(place, headers={"Accept-Encoding": "gzip"})
        changed = api.patch(place, {"name": "b"}, headers={"If-Match": coded.headers["ETag"]})
        forged = {"X-Request-ID": "my-own-id", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4"}
        named, unnamed = api.get(place, headers=forged), api.get(place)
        uploaded = api.upload(place, png(padding=9_000_000))
        too_large = api.upload(place, png(padding=13_000_000))

        assert api.get("/api/").json()["clients"] == f"{url}/api/clients/"
        assert coded.headers["Content-Encoding"] == "gzip"
        assert changed.status_code == 200
        assert named.headers["X-Request-ID"] == "my-own-id"
        assert (uploaded.status_code, too_large.status_code) == (201, 413)
        assert named.headers["Strict-Transport-Security"] == "max-age=31536000"
        server.stop()
        log = capfd.readouterr()
        lines = [line for line in (log.out + log.err).splitlines() if "request_id=my-own-id" in line]
        assert [f"client={CLIENT} " in line for line in lines] == [True]
        written = "".join(path.read_text("utf-8") for path in (tmp_path / "log", tmp_path / "output") if path.exists())
        assert "my-own-id" in written
        assert unnamed.headers["X-Request-ID"] in written


class _Slow(BaseHTTPRequestHandler):
    """Sends a piece, and the next one when the first was read at the other end."""

    protocol_version = "HTTP/1.1"
    read = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        if self.read.wait(SECONDS):
            self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("name", SAMPLES)
def test_streams_pass_piece_by_piece(tmp_path: pathlib.Path, name: str) -> None:
    _Slow.read.clear()
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    thread = threading.Thread(target=upstream.serve_forever)
    thread.start()
    try:
        with (
            proxied(name, tmp_path, upstream.server_port) as url,
            client_of(url, tmp_path) as client,
            client.stream("GET", "/api/clients/") as answer,
        ):
            pieces = answer.iter_raw()
            assert next(pieces) == b"first"
            _Slow.read.set()
            assert b"".join(pieces) == b"second"
    finally:
        _Slow.read.set()
        upstream.shutdown()
        thread.join()
        upstream.server_close()


@pytest.mark.parametrize("way", ["kept", "removed"])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_server_can_be_below_a_path_that_is_removed_or_not(
    behind: Server, tmp_path: pathlib.Path, name: str, way: str
) -> None:
    changes = SAMPLES[name].below[way]
    with proxied(name, tmp_path, behind.port, changes) as url, client_of(f"{url}{ROOT}", tmp_path) as client:
        login = client.post("/api-token-auth/", json={"username": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Token {login.json()['token']}"
        place = client.post("/api/clients/", json={"name": "a"}).headers["Location"]
        found = client.get(f"{url}{place}")
        page = client.get("/docs/")

        assert place.startswith(f"{ROOT}/api/clients/")
        assert found.json()["name"] == "a"
        assert f"{ROOT}/docs/reference.js" in page.text
        assert client.get(f"{url}{ROOT}/docs/reference.js").status_code == 200
        assert client.get("/api/").json()["clients"] == f"{url}{ROOT}/api/clients/"
