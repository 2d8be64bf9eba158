"""A network of its own for the server, with cables to clients, database and receivers that can be cut."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from crm_adapters.postgres.cluster import lay_out, run
from tests.faults.installation import SECONDS, free_port, until

_CABLES: Final = ("clients", "database", "receivers")


class Network:
    """A namespace, in which the server runs, and where it can reach others and be reached."""

    def __init__(self) -> None:
        self._name = f"crm{os.getpid()}"
        self.within = ("ip", "netns", "exec", self._name)

    @property
    def server(self) -> str:
        """The server's address, for clients."""
        return "10.251.0.2"

    def outside(self, cable: str) -> str:
        """Our end of a cable."""
        return f"10.251.{_CABLES.index(cable)}.1"

    def cut(self, cable: str) -> None:
        """Let what is sent go nowhere: nobody is told."""
        _ip("link", "set", self._link(cable), "down")

    def mend(self, cable: str) -> None:
        _ip("link", "set", self._link(cable), "up")

    def _link(self, cable: str) -> str:
        return f"{self._name}-{_CABLES.index(cable)}"

    @contextlib.contextmanager
    def laid(self) -> Iterator["Network"]:
        """Make it, and take it away."""
        _ip("netns", "add", self._name)
        try:
            for cable in _CABLES:
                self._lay(cable)
            yield self
        finally:
            _ip("netns", "delete", self._name)  # with the cables into it

    def _lay(self, cable: str) -> None:
        link, theirs = self._link(cable), f"{self._link(cable)}-in"
        _ip("link", "add", link, "type", "veth", "peer", "name", theirs, "netns", self._name)
        _ip("address", "add", f"{self.outside(cable)}/24", "dev", link)
        _ip("-n", self._name, "address", "add", f"{self.outside(cable)[:-1]}2/24", "dev", theirs)
        _ip("link", "set", link, "up")
        _ip("-n", self._name, "link", "set", theirs, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def postgres(directory: Path, host: str) -> Iterator[str]:
    """A PostgreSQL that listens on an address of the network; gives the URL of a new database."""
    directory.mkdir()
    layout, port = lay_out(directory), free_port()
    with (layout.cluster / "pg_hba.conf").open("a") as access:
        access.write("host all all 10.251.0.0/16 trust\n")
    settings = [f"listen_addresses={host}", "unix_socket_directories=", "max_connections=200"]
    options = [part for each in settings for part in ("-c", each)]
    command = [str(layout.binaries / "postgres"), "-D", str(layout.cluster), "-p", str(port), *options]
    process = run(command, layout.account, layout.log)
    url = f"postgresql://postgres@{host}:{port}"
    try:
        until(lambda: _answers(f"{url}/postgres"), "PostgreSQL answers")
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            connection.execute("create database crm template template0")
        yield f"{url}/crm"
    finally:
        process.terminate()
        process.wait(SECONDS)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
