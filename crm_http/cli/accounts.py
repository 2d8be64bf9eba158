"""`crm user`, `crm group` and `crm token`: who may do what."""

import sys
from collections.abc import Sequence

import click

from crm_core.errors import InvalidError, NotAuthenticatedError
from crm_core.model.accounts import UserChange
from crm_core.ports import Users
from crm_core.rules.accounts import check_password
from crm_core.use_cases import users as use_cases
from crm_core.use_cases.users import PasswordReset
from crm_http.cli.arguments import (
    EMAIL,
    FIRST_NAME,
    GROUP,
    LAST_NAME,
    PERMISSION,
    Text,
    complaint,
    name_argument,
    new_name_argument,
)
from crm_http.cli.connecting import with_users, with_users_and_records
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, say, show, shown_moment
from crm_http.server.errors import FailedError
from crm_http.server.maintenance import open_passwords

_group = click.argument("group", type=GROUP)
_permissions = click.argument("permissions", metavar="PERMISSION...", nargs=-1, required=True, type=PERMISSION)
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
@new_name_argument
@click.option("--superuser", is_flag=True, help="May do everything.")
@click.option("--group", "groups", multiple=True, type=GROUP, help="A group to be in; may be repeated.")
@click.option("--first-name", default="", type=FIRST_NAME)
@click.option("--last-name", default="", type=LAST_NAME)
@click.option("--email", default="", type=EMAIL)
@_password_stdin
def _add_user(name: str, groups: Sequence[str], *, superuser: bool, password_stdin: bool, **texts: str) -> None:
    """Add a user."""
    password = _read_password(from_stdin=password_stdin)

    async def add(users: Users) -> None:
        with open_passwords() as passwords:
            await use_cases.add_user(users, passwords, name, password, is_superuser=superuser, groups=groups, **texts)

    with_users(add)
    say(f"Added {name}.")


@user.command("list", epilog=examples("crm user list", "crm user list | cut -f1      # cells are between tabs"))
def _list_users() -> None:
    """List all users."""
    rows = [
        (
            account.user.username,
            f"{account.user.first_name} {account.user.last_name}".strip(),
            account.user.email,
            ", ".join(account.groups),
            "superuser" if account.is_superuser else "",
            "" if account.is_active else "disabled",
        )
        for account in with_users(use_cases.list_users)
    ]
    show(("Username", "Name", "E-mail", "Groups", "Rights", "State"), rows)


@user.command(
    "change",
    epilog=examples(
        "crm user change ann --group Sales --group Operations      # in these groups and no others",
        "crm user change ann --last-name Lee --email ann@example.org",
        "crm user change ann --no-superuser --no-groups",
    ),
)
@name_argument
@click.option("--superuser/--no-superuser", "is_superuser", default=None, help="Whether the user may do everything.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    type=GROUP,
    help="A group to be in, instead of all current ones; may be repeated.",
)
@click.option("--no-groups", is_flag=True, help="Be in no group.")
@click.option("--first-name", type=FIRST_NAME)
@click.option("--last-name", type=LAST_NAME)
@click.option("--email", type=EMAIL)
def _change_user(
    name: str,
    groups: Sequence[str],
    *,
    no_groups: bool,
    is_superuser: bool | None,
    first_name: str | None,
    last_name: str | None,
    email: str | None,
) -> None:
    """Change a user's groups, rights, names or e-mail address, from the next request on.

    Options that are not given change nothing; an empty text ("") removes a name or the address.
    """
    if groups and no_groups:
        raise click.UsageError("Give either --group or --no-groups.")
    change = UserChange(
        first_name=first_name,
        last_name=last_name,
        email=email,
        is_superuser=is_superuser,
        groups=frozenset(groups) if groups or no_groups else None,
    )
    if change == UserChange():
        raise click.UsageError("Give what to change: --group, --superuser, --first-name, --last-name or --email.")
    with_users(lambda users: use_cases.change_user(users, name, change))
    say(f"Changed {name}.")


@user.command("passwd", epilog=examples("crm user passwd ann", "crm user passwd ann --password-stdin < password.txt"))
@name_argument
@_password_stdin
def _reset_password(name: str, *, password_stdin: bool) -> None:
    """Give a user another password and revoke all their tokens."""
    password = _read_password(from_stdin=password_stdin)

    async def reset(users: Users) -> PasswordReset:
        with open_passwords() as passwords:
            return await use_cases.reset_password(users, passwords, name, password)

    revoked, is_active = with_users(reset)
    say(f"{name} has the new password; {count(revoked, 'token')} revoked.")
    if not is_active:
        say(f"{name} is disabled and cannot log in: `crm user enable {name}` changes that.")


@user.command("disable", epilog=examples("crm user disable ann"))
@name_argument
def _disable_user(name: str) -> None:
    """Refuse a user's logins and tokens, from the next request on.

    Active webhooks that the user created go on sending; they are listed.
    """
    webhooks = with_users_and_records(lambda users, db: use_cases.disable_user(users, name, db))
    say(f"Disabled {name}.")
    if webhooks:
        say(f"{count(len(webhooks), 'active webhook')} that {name} created:")
        show(("Webhook", "Model", "Name"), [(str(each.id), each.model, each.name) for each in webhooks])


@user.command("erase", epilog=examples("crm user erase ann"))
@name_argument
def _erase_user(name: str) -> None:
    """Put a neutral name in place of a user's for good, wherever it is kept: in histories, tasks and notes too.

    The user is disabled, and the e-mail address, the password, tokens and groups are deleted.
    """
    neutral, records = with_users_and_records(lambda users, db: use_cases.erase_user(users, db, name))
    say(f"{name} is {neutral} by now, also in the tasks and notes of {count(records, 'record')}.")


@user.command("enable", epilog=examples("crm user enable ann"))
@name_argument
def _enable_user(name: str) -> None:
    """Let a disabled user in again, with the same password and tokens."""
    tokens = with_users(lambda users: use_cases.enable_user(users, name))
    say(f"Enabled {name}.")
    if tokens:
        verb = "works" if tokens == 1 else "work"
        say(f"{count(tokens, 'earlier token')} {verb} again: `crm token revoke {name} --all` revokes all.")


@click.group(no_args_is_help=False, epilog=examples("crm group list", "crm group grant Auditors view_client"))
def group() -> None:
    """Manage what the users of a group may do."""


@group.command("list", epilog=examples("crm group list"))
def _list_groups() -> None:
    """List all groups with their permissions."""
    groups = with_users(use_cases.list_groups)
    show(("Group", "Permissions"), [(name, ", ".join(permissions)) for name, permissions in groups.items()])


@group.command("grant", epilog=examples("crm group grant Auditors view_client view_lead"))
@_group
@_permissions
def _grant(group: str, permissions: Sequence[str]) -> None:
    """Give a group permissions; a new group is created."""
    is_new = with_users(lambda users: use_cases.grant(users, group, permissions))
    say(f"{'The new group ' if is_new else ''}{group} may {', '.join(permissions)}.")


@group.command("revoke", epilog=examples("crm group revoke Auditors view_lead"))
@_group
@_permissions
def _revoke(group: str, permissions: Sequence[str]) -> None:
    """Take permissions from a group."""
    with_users(lambda users: use_cases.revoke(users, group, permissions))
    say(f"{group} may no longer {', '.join(permissions)}.")


@click.group(no_args_is_help=False, epilog=examples("crm token issue ann", "crm token revoke ann --all"))
def token() -> None:
    """Manage the tokens by which requests are authenticated."""


@token.command(
    "issue",
    epilog=examples(
        "crm token issue ann > token.txt",
        "crm token issue ann --only view_client --only view_lead      # may do only this, of what ann may do",
    ),
)
@name_argument
@click.option("--only", multiple=True, type=PERMISSION, help="A permission that the token has; may be repeated.")
def _issue_token(name: str, only: Sequence[str]) -> None:
    """Print a new token of a user, which cannot be shown again.

    With --only it may do what both these permissions and those of the user allow.
    """

    async def issue(users: Users) -> str:
        try:
            return await use_cases.issue_token(users, name, only=only or None)
        except NotAuthenticatedError as error:
            raise FailedError(
                f"{name} is disabled, so a token would not work: `crm user enable {name}` changes that."
            ) from error

    click.echo(with_users(issue))


@token.command("list", epilog=examples("crm token list ann"))
@name_argument
def _list_tokens(name: str) -> None:
    """List a user's tokens by their first characters."""
    rows = [
        (
            token.prefix,
            shown_moment(token.created_at),
            shown_moment(token.last_used_at),
            "all of the user" if token.permissions is None else ", ".join(sorted(token.permissions)),
        )
        for token in with_users(lambda users: use_cases.list_tokens(users, name))
    ]
    show(("Prefix", "Issued", "Last used", "Permissions"), rows)


# A prefix that begins with a hyphen must not be read as an option.
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
@click.option("--all", "revoke_all", is_flag=True, help="All tokens of the user.")
def _revoke_tokens(name: str, prefix: str | None, *, revoke_all: bool) -> None:
    """Revoke the token of a user that begins with PREFIX, or all of them."""
    if (prefix is None) != revoke_all:
        raise click.UsageError("Give the first characters of a token, or --all.")
    revoked = with_users(lambda users: use_cases.revoke_tokens(users, name, prefix))
    if prefix is not None and not revoked:
        raise FailedError(f"{name} has no token {prefix}: `crm token list {name}` shows their first characters.")
    say(f"Revoked {count(revoked, 'token')} of {name}.")


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
        raise FailedError(f"The password cannot be used: {complaint(error)}") from error


def _read_line() -> str:
    line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise FailedError("The password cannot be used: it is not UTF-8.") from None
