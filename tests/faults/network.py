"""A network of its own for the server, with cables to clients, database and receivers that can be cut."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crm_adapters.embedded.cluster import lay_out
from tests.faults.servers import Postgres

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
    """A PostgreSQL that listens on an address of the network too; gives the URL of a database there."""
    directory.mkdir()
    server = Postgres(lay_out(directory))
    with (server.layout.cluster / "pg_hba.conf").open("a") as access:
        access.write("host all all 10.251.0.0/16 trust\n")
    server.start(f"listen_addresses=127.0.0.1,{host}", "max_connections=200")
    server.execute("create database crm template template0")
    try:
        yield f"postgresql://postgres@{host}:{server.port}/crm"
    finally:
        server.stop()
