"""The `crm` command. An error is one line on stderr; the exit code is 0, 1 (it failed) or 2 (it was asked wrongly)."""

import asyncio
import difflib
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from crm_core.accounts import PERMISSIONS, normal_username
from crm_core.errors import InvalidError
from crm_core.readers import text_problems
from crm_core.use_cases.accounts import check_password, issue_token
from crm_core.use_cases.sweeping import Finding, Orphan
from crm_http.logs import configure_logging
from crm_http.main import FailedError, PostgresAccounts, deliver, hash_password, load_demo, manage, migrate, sweep
from crm_http.serving import Stop, open_database, serve
from crm_http.settings import SettingError, Settings

_T = TypeVar("_T")

_FAILED, _ASKED_WRONGLY = 1, 2

_out: Final = Console(soft_wrap=True, highlight=False)


def main() -> int:
    """Run the command of this process; gives what to exit with."""
    try:
        code = crm.main(prog_name="crm", standalone_mode=False)
    except SettingError as error:
        return _complain(str(error), _ASKED_WRONGLY)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "crm"
        return _complain(f"{error.format_message()} See `{command} --help`.", _ASKED_WRONGLY)
    except FailedError as error:
        return _complain(str(error), _FAILED)
    except click.Abort:
        return _complain("Given up.", _FAILED)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    click.echo(f"crm: {' '.join(message.split())}", err=True)
    return code


class _Text(click.ParamType[str]):
    """A text that can be stored."""

    name = "text"

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if problems := text_problems(value, self.longest):
            self.fail(problems[0].message, param, ctx)
        return str(value)


class _Name(_Text):
    """The name of a user or group: equal ones are written alike."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name = normal_username(super().convert(value, param, ctx))
        if not name or name != name.strip():
            self.fail("A name is not blank, and has no blanks around it.", param, ctx)
        return super().convert(name, param, ctx)


class _Permission(click.ParamType[str]):
    """A permission, with or without its ``app.``."""

    name = "permission"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        permission = f"app.{value.removeprefix('app.')}"
        if permission not in PERMISSIONS:
            nearest = difflib.get_close_matches(permission, sorted(PERMISSIONS), n=1, cutoff=0.0)[0]
            self.fail(f"{value!r} is no permission: did you mean {nearest}?", param, ctx)
        return permission


_NAME: Final = _Name(150)
_name = click.argument("name", type=_NAME)
_group = click.argument("group", type=_NAME)
_permissions = click.argument("permissions", metavar="PERMISSION...", nargs=-1, required=True, type=_Permission())
_password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from a line of stdin.")


@click.group(no_args_is_help=False)
def crm() -> None:
    """A CRM backend. Settings are the environment's CRM_* variables."""


@crm.command("serve")
@click.option("--host", help="What to listen on; overrides CRM_HOST.")
@click.option("--port", help="Its port; overrides CRM_PORT.")
@click.option("--workers", help="How many processes answer; overrides CRM_WORKERS.")
def _serve(**flags: str | None) -> None:
    """Serve the API, with an embedded PostgreSQL unless CRM_DATABASE_URL is set."""
    # The workers read their settings from the environment, so that is where a flag goes.
    os.environ.update({f"CRM_{name.upper()}": text for name, text in flags.items() if text is not None})
    serve(Settings.from_env(os.environ), _welcome)


def _welcome(told: Mapping[str, str]) -> None:
    for label, text in told.items():
        _out.print(f"[bold]{label:<10}[/]{escape(text)}")


@crm.command("migrate")
def _migrate() -> None:
    """Bring the database up to date."""
    with open_database(Settings.from_env(os.environ), Stop(_FAILED)) as url:
        applied = asyncio.run(migrate(url))
    _say(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


_many = click.IntRange(0, 10_000_000)


@crm.command("demo")
@click.option(
    "--clients",
    default=1_000,
    show_default=True,
    type=_many,
    help="How many clients; a fifth as many students come with them.",
)
@click.option("--leads", default=1_000, show_default=True, type=_many, help="How many leads.")
@click.option(
    "--seed", default=1, show_default=True, type=int, help="The same seed gives the same records, another more."
)
def _demo(**asked: int) -> None:
    """Load made-up clients, students, leads and follow-ups to try the API with, with their history.

    All or nothing, and beside what is there. Attributes that the records have are defined unless they are already.
    Webhooks are told of nothing.
    """
    with Progress(console=_out, transient=True, disable=not _out.is_terminal) as progress:
        loading = progress.add_task("Loading")

        async def load(url: str) -> Mapping[str, int]:
            return await load_demo(
                url, tell=lambda done, of: progress.update(loading, completed=done, total=of), **asked
            )

        loaded = _on_database(Settings.from_env(os.environ), load)
    kinds = [_count(number, name.replace("_", "-")) for name, number in loaded.items()]
    _say(f"Loaded {', '.join(kinds)}.")


@crm.command("deliver")
def _deliver() -> None:
    """Send webhooks' deliveries, beside the servers, which do so too."""
    settings = Settings.from_env(os.environ)
    configure_logging(settings)
    stop = Stop()

    async def work(url: str) -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        stop.instead = lambda: loop.call_soon_threadsafe(stopped.set)
        await deliver(url, settings, stopped)

    with open_database(settings, stop) as url:
        asyncio.run(work(url))


@crm.group(no_args_is_help=False)
def user() -> None:
    """Manage who can log in."""


@user.command("add")
@_name
@click.option("--superuser", is_flag=True, help="May do everything.")
@click.option("--group", "groups", multiple=True, type=_NAME, help="A group to be in; may be repeated.")
@click.option("--first-name", default="", type=_Text(150))
@click.option("--last-name", default="", type=_Text(150))
@click.option("--email", default="", type=_Text(254))
@_password_stdin
def _add_user(name: str, groups: Sequence[str], *, superuser: bool, password_stdin: bool, **personal: str) -> None:
    """Add a user."""
    password = _read_password(from_stdin=password_stdin)

    async def add(accounts: PostgresAccounts) -> None:
        await _check_groups(accounts, groups)
        hashed = await hash_password(password)
        if await accounts.add_user(name, hashed, is_superuser=superuser, groups=groups, **personal) is None:
            raise FailedError(f"There is a user {name} already: `crm user passwd` gives a new password.")

    _with_accounts(add)
    _say(f"Added {name}.")


@user.command("list")
def _list_users() -> None:
    """List all users."""
    users = _with_accounts(lambda accounts: accounts.users())
    rows = [
        (
            each.username,
            f"{each.first_name} {each.last_name}".strip(),
            each.email,
            ", ".join(each.groups),
            "superuser" if each.is_superuser else "",
            "" if each.is_active else "disabled",
        )
        for each in users
    ]
    _show(("Username", "Name", "E-mail", "Groups", "Rights", "State"), rows)


@user.command("passwd")
@_name
@_password_stdin
def _set_password(name: str, *, password_stdin: bool) -> None:
    """Give a user another password; all tokens of the user end."""
    password = _read_password(from_stdin=password_stdin)

    async def change(accounts: PostgresAccounts) -> int:
        user_id = await _user_id(accounts, name)
        await accounts.set_password(user_id, await hash_password(password))
        return await accounts.revoke_tokens(user_id)

    ended = _with_accounts(change)
    _say(f"{name} has the new password; {_count(ended, 'token')} ended.")


@user.command("disable")
@_name
def _disable_user(name: str) -> None:
    """Let a user in no more, from the next request on."""
    if not _with_accounts(lambda accounts: accounts.disable(name)):
        raise _no_user(name)
    _say(f"Disabled {name}.")


@crm.group(no_args_is_help=False)
def group() -> None:
    """Manage what the users of a group may do."""


@group.command("list")
def _list_groups() -> None:
    """List all groups with their permissions."""
    groups = _with_accounts(lambda accounts: accounts.groups())
    _show(("Group", "Permissions"), [(name, ", ".join(held)) for name, held in groups.items()])


@group.command("grant")
@_group
@_permissions
def _grant(group: str, permissions: Sequence[str]) -> None:
    """Give a group permissions; a group that is new is made."""

    async def grant(accounts: PostgresAccounts) -> bool:
        is_new = group not in await accounts.groups()
        await accounts.grant(group, permissions)
        return is_new

    is_new = _with_accounts(grant)
    _say(f"{'The new group ' if is_new else ''}{group} may {', '.join(permissions)}.")


@group.command("revoke")
@_group
@_permissions
def _revoke(group: str, permissions: Sequence[str]) -> None:
    """Take permissions from a group."""

    async def revoke(accounts: PostgresAccounts) -> None:
        await _check_groups(accounts, [group])
        await accounts.revoke(group, permissions)

    _with_accounts(revoke)
    _say(f"{group} may no longer {', '.join(permissions)}.")


@crm.group(no_args_is_help=False)
def token() -> None:
    """Manage the tokens that requests come with."""


@token.command("issue")
@_name
def _issue_token(name: str) -> None:
    """Print a new token of a user, which nobody can see again."""

    async def issue(accounts: PostgresAccounts) -> str:
        token = await issue_token(accounts, await _user_id(accounts, name))
        if token is None:
            raise FailedError(f"{name} is disabled, so a token would let nobody in.")
        return token

    click.echo(_with_accounts(issue))


@token.command("list")
@_name
def _list_tokens(name: str) -> None:
    """List a user's tokens by their first characters."""

    async def find(accounts: PostgresAccounts) -> Sequence[tuple[str, datetime, datetime]]:
        await _user_id(accounts, name)
        return await accounts.tokens(name)

    rows = [(prefix, _moment(made), _moment(used)) for prefix, made, used in _with_accounts(find)]
    _show(("Prefix", "Issued", "Last used"), rows)


# A prefix may begin with a hyphen, and is no option then.
@token.command("revoke", context_settings={"ignore_unknown_options": True})
@_name
@click.argument("prefix", required=False, type=_Text(150))
@click.option("--all", "every", is_flag=True, help="All tokens of the user.")
def _revoke_tokens(name: str, prefix: str | None, *, every: bool) -> None:
    """End the token of a user that begins with PREFIX, or all of them."""
    if (prefix is None) != every:
        raise click.UsageError("Give the first characters of a token, or --all.")

    async def revoke(accounts: PostgresAccounts) -> int:
        user_id = await _user_id(accounts, name)
        if prefix is None:
            return await accounts.revoke_tokens(user_id)
        if ended := await accounts.revoke_tokens_with_prefix(name, prefix):
            return ended
        raise FailedError(f"{name} has no token {prefix}: `crm token list {name}` shows their first characters.")

    _say(f"Ended {_count(_with_accounts(revoke), 'token')} of {name}.")


@crm.group(no_args_is_help=False)
def files() -> None:
    """Look after uploaded files."""


@files.command("sweep")
@click.option("--delete", is_flag=True, help="Delete the files that no record names.")
def _sweep(*, delete: bool) -> None:
    """List files older than an hour that no record names, and records that name a missing file."""
    settings = Settings.from_env(os.environ)
    found = {"orphan": 0, "missing": 0}

    def tell(finding: Finding) -> None:
        if isinstance(finding, Orphan):
            cells = ["orphan", finding.key]
        else:
            cells = ["missing", f"{finding.resource.path}/{finding.id}", finding.url]
        found[cells[0]] += 1
        click.echo("\t".join(cells))

    _on_database(settings, lambda url: sweep(url, settings, tell, delete=delete))
    orphans = _count(found["orphan"], "orphan")
    _say(f"{orphans} {'deleted' if delete else 'found'}, {_count(found['missing'], 'missing file')}.")


def _with_accounts(work: Callable[[PostgresAccounts], Awaitable[_T]]) -> _T:
    async def run(url: str) -> _T:
        async with manage(url) as accounts:
            return await work(accounts)

    return _on_database(Settings.from_env(os.environ), run)


def _on_database(settings: Settings, work: Callable[[str], Awaitable[_T]]) -> _T:
    async def run(url: str) -> _T:
        if settings.is_embedded:  # which is nobody's to migrate but ours
            await migrate(url)
        return await work(url)

    with open_database(settings, Stop(_FAILED)) as url:
        return asyncio.run(run(url))


async def _user_id(accounts: PostgresAccounts, name: str) -> int:
    found = await accounts.user_id(name)
    if found is None:
        raise _no_user(name)
    return found


def _no_user(name: str) -> FailedError:
    return FailedError(f"There is no user {name}: `crm user list` shows all.")


async def _check_groups(accounts: PostgresAccounts, names: Iterable[str]) -> None:
    known = await accounts.groups()
    for name in names:
        if name not in known:
            raise FailedError(f"There is no group {name}: there are {', '.join(known)}.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        password = _read_line()
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise click.UsageError("There is no terminal to ask for the password: give it by --password-stdin.")
    try:
        return check_password(password)
    except InvalidError as error:
        raise FailedError(f"The password cannot be used: {str(error).removeprefix('password: ')}") from error


def _read_line() -> str:
    line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise FailedError("The password cannot be used: it is not UTF-8.") from None


def _show(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table to people, and lines of cells between tabs to programs."""
    if not _out.is_terminal:
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(escape, row))
    _out.print(table, soft_wrap=False)


def _say(text: str) -> None:
    _out.print(text, markup=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
