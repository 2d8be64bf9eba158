"""Facts about the lines of an archive."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from crm_core.archives import lines
from crm_core.archives.lines import WITHOUT_SECRETS, ArchivedFile, ArchivedRecord, Group
from crm_core.model.accounts import Account, User
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from crm_core.rules.stays import Place, Stay

ID = UUID(int=1)
KEY = Key("lead", ID)
PICTURE = f"clients/{ID}/{ID}.png"


@pytest.mark.parametrize(
    "beside",
    [{}, {"stage_id": str(ID)}, {"secret": "whsec_x", "old_secrets": [["whsec_y", "2026-01-31T10:00:00Z"]]}],
)
def test_a_record_is_read_as_it_was_written_byte_for_byte(beside: dict[str, object]) -> None:
    document = '{"id": "é", "a":{"document":1.10},  "b":"\\u2028"}'.encode()
    record = ArchivedRecord(KEY, 7, document, beside)

    assert lines.record_of("lead", lines.record_line(record)) == record


def test_a_user_is_read_as_written_and_has_no_password() -> None:
    account = Account(user=User(id=3, username="é", email="a@b.c"), groups=("A", "B"), is_active=False)
    line = lines.account_line(account)

    assert lines.account_of(line) == account
    assert set(parse_json(line)) == {
        *("id", "username", "first_name", "last_name", "email", "groups", "is_superuser", "is_active")
    }


def test_a_group_is_read_as_written() -> None:
    group = Group("Sales", frozenset({"crm.view_client", "crm.add_client"}))

    assert lines.group_of(lines.group_line(group)) == group


def test_a_file_is_read_as_written() -> None:
    file = ArchivedFile(PICTURE, 7, "0" * 64)

    assert lines.file_of(lines.file_line(file)) == file


@pytest.mark.parametrize("end", [None, datetime(2026, 1, 31, 10, microsecond=5, tzinfo=UTC)])
def test_a_stay_is_read_as_written(end: datetime | None) -> None:
    begin, to = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=3) if end else None
    stay = Stay(lead=ID, place=Place(ID, UUID(int=2)), entered_at=begin, left_at=end, to=to, spent=7 if end else None)

    assert lines.stay_of(lines.stay_line(stay)) == stay


def test_an_event_keeps_the_digits_of_its_numbers() -> None:
    line = (
        f'{{"resource":"lead","record":"{ID}","version":2,"kind":"updated","at":"2026-01-31T10:00:00.5Z","actor":null,'
        f'"actor_name":"system","request_id":"","changes":{{"attributes.a":{{"from":1.10,"to":null}}}},"cause":{{}}}}'
    )

    event = lines.event_of(line.encode())

    assert (event.record, event.at) == (ID, datetime(2026, 1, 31, 10, microsecond=500_000, tzinfo=UTC))
    change: Any = event.changes["attributes.a"]
    assert str(change["from"]) == "1.10"


@pytest.mark.parametrize("is_active", [True, False])
def test_a_webhook_without_its_secrets_is_disabled_and_stays_the_same_the_next_time(*, is_active: bool) -> None:
    document = (
        b'{"url":"https://a.example/key","headers":{"X-Key":"1"},"is_active":%b,"disabled_reason":"why"}'
        % str(is_active).lower().encode()
    )
    once = lines.without_secrets(ArchivedRecord(Key("webhook", ID), 1, document, {"secret": "whsec_x"}))
    shown = parse_json(once.document)

    assert (shown["url"], shown["headers"]) == ("https://a.example/********", {"X-Key": "********"})
    assert (shown["is_active"], shown["disabled_reason"]) == (False, WITHOUT_SECRETS if is_active else "why")
    assert once.beside == {}
    assert lines.without_secrets(once) == once


@pytest.mark.parametrize(
    ("read", "line"),
    [
        (lambda line: lines.record_of("lead", line), b"{}"),
        (lambda line: lines.record_of("lead", line), b'{"id":"%b","version":0,"document":{}}' % str(ID).encode()),
        (lines.group_of, b'{"name":"x"}'),
        (lines.account_of, b'{"id":1}'),
        (lines.event_of, b"[]"),
        (lines.file_of, b'{"key":"../../etc/passwd","size":1,"sha256":""}'),
        (lines.file_of, b"{"),
    ],
)
def test_what_is_no_such_line_is_refused(read: Callable[[bytes], object], line: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read(line)
