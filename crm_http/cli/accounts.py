"""`crm user`, `crm group` and `crm token`: who may do what."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from crm_core.errors import InvalidError
from crm_core.use_cases.accounts import check_password, issue_token
from crm_http.cli.arguments import NAME, Permission, Text, examples, name_argument
from crm_http.cli.connecting import with_accounts
from crm_http.cli.terminal import count, say, show, shown_moment
from crm_http.server.composition import FailedError, PostgresAccounts, hash_password

_group = click.argument("group", type=NAME)
_permissions = click.argument("permissions", metavar="PERMISSION...", nargs=-1, required=True, type=Permission())
_password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from a line of stdin.")


@click.group(no_args_is_help=False, epilog=examples("crm user add ann --group Sales", "crm user list"))
def user() -> None:
    """Manage who can log in."""


@user.command(
    "add",
    epilog=examples(
        "crm user add ann --group Sales --first-name Ann      # asks for the password",
        "crm user add root --superuser --password-stdin < password.txt",
    ),
)
@name_argument
@click.option("--superuser", is_flag=True, help="May do everything.")
@click.option("--group", "groups", multiple=True, type=NAME, help="A group to be in; may be repeated.")
@click.option("--first-name", default="", type=Text(150))
@click.option("--last-name", default="", type=Text(150))
@click.option("--email", default="", type=Text(254))
@_password_stdin
def _add_user(name: str, groups: Sequence[str], *, superuser: bool, password_stdin: bool, **personal: str) -> None:
    """Add a user."""
    password = _read_password(from_stdin=password_stdin)

    async def add(accounts: PostgresAccounts) -> None:
        await _check_groups(accounts, groups)
        hashed = await hash_password(password)
        if await accounts.add_user(name, hashed, is_superuser=superuser, groups=groups, **personal) is None:
            raise FailedError(f"There is a user {name} already: `crm user passwd` gives a new password.")

    with_accounts(add)
    say(f"Added {name}.")


@user.command("list", epilog=examples("crm user list", "crm user list | cut -f1      # cells are between tabs"))
def _list_users() -> None:
    """List all users."""
    users = with_accounts(lambda accounts: accounts.users())
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
    show(("Username", "Name", "E-mail", "Groups", "Rights", "State"), rows)


@user.command("passwd", epilog=examples("crm user passwd ann", "crm user passwd ann --password-stdin < password.txt"))
@name_argument
@_password_stdin
def _set_password(name: str, *, password_stdin: bool) -> None:
    """Give a user another password; all tokens of the user end."""
    password = _read_password(from_stdin=password_stdin)

    async def change(accounts: PostgresAccounts) -> int:
        user_id = await _user_id(accounts, name)
        await accounts.set_password(user_id, await hash_password(password))
        return await accounts.revoke_tokens(user_id)

    ended = with_accounts(change)
    say(f"{name} has the new password; {count(ended, 'token')} ended.")


@user.command("disable", epilog=examples("crm user disable ann"))
@name_argument
def _disable_user(name: str) -> None:
    """Let a user in no more, from the next request on."""
    if not with_accounts(lambda accounts: accounts.disable(name)):
        raise _no_user(name)
    say(f"Disabled {name}.")


@click.group(no_args_is_help=False, epilog=examples("crm group list", "crm group grant Auditors view_client"))
def group() -> None:
    """Manage what the users of a group may do."""


@group.command("list", epilog=examples("crm group list"))
def _list_groups() -> None:
    """List all groups with their permissions."""
    groups = with_accounts(lambda accounts: accounts.groups())
    show(("Group", "Permissions"), [(name, ", ".join(held)) for name, held in groups.items()])


@group.command("grant", epilog=examples("crm group grant Auditors view_client view_lead"))
@_group
@_permissions
def _grant(group: str, permissions: Sequence[str]) -> None:
    """Give a group permissions; a group that is new is made."""

    async def grant(accounts: PostgresAccounts) -> bool:
        is_new = group not in await accounts.groups()
        await accounts.grant(group, permissions)
        return is_new

    is_new = with_accounts(grant)
    say(f"{'The new group ' if is_new else ''}{group} may {', '.join(permissions)}.")


@group.command("revoke", epilog=examples("crm group revoke Auditors view_lead"))
@_group
@_permissions
def _revoke(group: str, permissions: Sequence[str]) -> None:
    """Take permissions from a group."""

    async def revoke(accounts: PostgresAccounts) -> None:
        await _check_groups(accounts, [group])
        await accounts.revoke(group, permissions)

    with_accounts(revoke)
    say(f"{group} may no longer {', '.join(permissions)}.")


@click.group(no_args_is_help=False, epilog=examples("crm token issue ann", "crm token revoke ann --all"))
def token() -> None:
    """Manage the tokens that requests come with."""


@token.command("issue", epilog=examples("crm token issue ann", "crm token issue ann > token.txt"))
@name_argument
def _issue_token(name: str) -> None:
    """Print a new token of a user, which nobody can see again."""

    async def issue(accounts: PostgresAccounts) -> str:
        token = await issue_token(accounts, await _user_id(accounts, name))
        if token is None:
            raise FailedError(f"{name} is disabled, so a token would let nobody in.")
        return token

    click.echo(with_accounts(issue))


@token.command("list", epilog=examples("crm token list ann"))
@name_argument
def _list_tokens(name: str) -> None:
    """List a user's tokens by their first characters."""

    async def find(accounts: PostgresAccounts) -> Sequence[tuple[str, datetime, datetime]]:
        await _user_id(accounts, name)
        return await accounts.tokens(name)

    rows = [(prefix, shown_moment(made), shown_moment(used)) for prefix, made, used in with_accounts(find)]
    show(("Prefix", "Issued", "Last used"), rows)


# A prefix may begin with a hyphen, and is no option then.
@token.command(
    "revoke",
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "crm token revoke ann 3f9a21c0      # its first characters, as `crm token list ann` shows them",
        "crm token revoke ann --all",
    ),
)
@name_argument
@click.argument("prefix", required=False, type=Text(150))
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

    say(f"Ended {count(with_accounts(revoke), 'token')} of {name}.")


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
