"""A MariaDB server of its own, in a temporary folder, on a socket there and on no port.

Root starts it as another user.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: The programs of the server, which Debian's package mariadb-server brings.
PROGRAMS: Final = ("mariadbd", "mariadb-install-db")
_SECONDS: Final = 60
#: What is lost when the machine stops is lost with the folder.
_QUICK: Final = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--sync-binlog=0")
_OPTIONS: Final = ("--skip-networking", "--max-allowed-packet=64M", "--innodb-buffer-pool-size=64M", *_QUICK)


def missing() -> str:
    """Return why there can be no server; empty if there can."""
    absent = [name for name in PROGRAMS if _path(name) is None]
    return f"{' and '.join(absent)} missing: apt-get install mariadb-server" if absent else ""


@contextmanager
def running() -> Iterator[Mapping[str, str]]:
    """Run a server; yield how to reach it, as ``Pool`` takes it."""
    with tempfile.TemporaryDirectory(prefix="crm-mariadb-") as made:
        folder = Path(made)
        account = _account(folder)
        _run("mariadb-install-db", folder, "--auth-root-authentication-method=normal", "--skip-test-db", *account)
        process = _start(folder, *_OPTIONS, *account)
        try:
            _wait(process, folder)
            yield {"unix_socket": str(folder / "socket"), "user": "root"}
        finally:
            process.terminate()
            process.wait(_SECONDS)


def _account(folder: Path) -> tuple[str, ...]:
    """Return the option by which root becomes another user, to whom the folder is given; nothing for others."""
    if os.geteuid() != 0:
        return ()
    names = {each.pw_name for each in pwd.getpwall()}
    name = "mysql" if "mysql" in names else "nobody"
    shutil.chown(folder, name)
    return (f"--user={name}",)


def _command(program: str, folder: Path, *options: str) -> list[str]:
    # Without the settings of the machine, which may have a server of its own.
    return [str(_path(program)), "--no-defaults", f"--datadir={folder / 'data'}", *options]


def _run(program: str, folder: Path, *options: str) -> None:
    done = subprocess.run(_command(program, folder, *options), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _start(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    places = (f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(_command("mariadbd", folder, *places, *options), stdout=log, stderr=log)


def _wait(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until the server listens."""
    end = time.monotonic() + _SECONDS
    while not (folder / "socket").exists():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.05)  # another process has no event to wait for


def _path(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
