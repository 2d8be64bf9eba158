"""The lines of an archive's parts: groups, users, records, events and files as JSON, and back.

What is read raises ValueError, KeyError or TypeError if it is no such line; the use case says which line it was.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.model.accounts import Account, User
from crm_core.model.events import Event
from crm_core.model.files import KEY
from crm_core.model.plain_values import json_text, parse_json, plain, redacted
from crm_core.model.records import Key
from crm_core.rules.stays import Place, Stay
from crm_core.webhooks.entity import Webhook

#: Why a webhook is disabled that was exported without its secrets.
WITHOUT_SECRETS: Final = "It was exported without its secrets."
_TIMES: Final = ("entered_at", "left_at", "left_again_at")
_RECORD: Final = re.compile(
    rb'\{"id":"([0-9a-f-]{36})","version":([1-9][0-9]{0,9}),(?:"beside":(\{.*?\}),)?"document":(\{.*\})\}'
)


@attrs.frozen
class ArchivedRecord:
    """A record as a store keeps it.

    Attributes:
        key: its key.
        version: its version.
        document: its document, the very bytes.
        beside: what is kept beside it, as plain values: ``Resource.hidden``; of a webhook ``secret``, and
            ``old_secrets``, those that still sign, each with the time until which it does.
    """

    key: Key
    version: int
    document: bytes
    beside: Mapping[str, Any] = attrs.field(factory=dict)


class Group(NamedTuple):
    """A group of users, with its permissions."""

    name: str
    permissions: frozenset[str]


class ArchivedFile(NamedTuple):
    """A stored file: its key, its size in bytes, and its SHA-256 in hexadecimal digits."""

    key: str
    size: int
    sha256: str


def group_line(group: Group) -> bytes:
    """Return a group as a line."""
    return _line({"name": group.name, "permissions": sorted(group.permissions)})


def group_of(line: bytes) -> Group:
    """Return the group of a line."""
    members = parse_json(line)
    return Group(members["name"], frozenset(members["permissions"]))


def account_line(account: Account) -> bytes:
    """Return a user as a line, without anything to log in by."""
    members = {**attrs.asdict(account, recurse=False), **attrs.asdict(account.user)}
    return _line({name: value for name, value in members.items() if name != "user"})


def account_of(line: bytes) -> Account:
    """Return the user of a line."""
    members = parse_json(line)
    user = User(**{field.name: members.pop(field.name) for field in attrs.fields(User)})
    return Account(user=user, **{**members, "groups": tuple(members["groups"])})


def record_line(record: ArchivedRecord) -> bytes:
    """Return a record as a line with its document as it is."""
    beside = b'"beside":%b,' % _line(record.beside) if record.beside else b""
    id_ = str(record.key.id).encode()
    return b'{"id":"%b","version":%d,%b"document":%b}' % (id_, record.version, beside, record.document)


def record_of(resource: str, line: bytes) -> ArchivedRecord:
    """Return the record of a line."""
    match = _RECORD.fullmatch(line)
    if match is None:
        raise ValueError("not a record")
    id_, version, beside, document = match.groups()
    key = Key(resource, UUID(id_.decode()))
    return ArchivedRecord(key, int(version), document, parse_json(beside) if beside else {})


def without_secrets(record: ArchivedRecord) -> ArchivedRecord:
    """Return a webhook without its secrets, and disabled: it could call nobody, and nobody would believe it."""
    document = parse_json(redacted(Webhook, record.document))
    if document["is_active"]:
        document |= {"is_active": False, "disabled_reason": WITHOUT_SECRETS}
    return ArchivedRecord(record.key, record.version, _line(document))


def event_of(line: bytes) -> Event:
    """Return the event of a line, which has what the change feed shows of an event but ``id`` and ``transaction``."""
    members = parse_json(line)
    return Event(**{**members, "record": UUID(members["record"]), "at": datetime.fromisoformat(members["at"])})


def stay_line(stay: Stay) -> bytes:
    """Return a stay of a lead in a stage as a line."""
    members = {**attrs.asdict(stay, recurse=False), **stay.place._asdict()}
    return _line(plain({name: value for name, value in members.items() if name != "place"}))


def stay_of(line: bytes) -> Stay:
    """Return the stay of a line."""
    members = parse_json(line)
    times = {name: members[name] and datetime.fromisoformat(members[name]) for name in _TIMES}
    return Stay(
        lead=UUID(members["lead"]),
        place=Place(UUID(members["pipeline"]), UUID(members["stage"])),
        to=members["to"] and UUID(members["to"]),
        spent=members["spent"],
        **times,
    )


def file_line(file: ArchivedFile) -> bytes:
    """Return what a stored file is as a line."""
    return _line(file._asdict())


def file_of(line: bytes) -> ArchivedFile:
    """Return what a line says of a stored file."""
    file = ArchivedFile(**parse_json(line))
    if not KEY.fullmatch(file.key):  # the key becomes a path
        raise ValueError("not a key of a file")
    return file


def _line(members: Mapping[str, Any]) -> bytes:
    return json_text(members).encode()
