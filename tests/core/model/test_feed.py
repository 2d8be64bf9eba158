"""Events of the change feed."""

from attrs import asdict, evolve

from crm_core.model.entities import Lead
from crm_core.model.feed import FeedEvent, Position
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.resources import LEADS
from tests.core.histories import history
from tests.core.knowledge import made, uid


def test_an_event_of_the_feed_is_the_event_that_was_recorded() -> None:
    values = [made(Lead, 1, name="Jane", attributes={"size": 1.5}), made(Lead, 1, name="Ann"), None]
    events, _ = history(LEADS, values)
    events = [evolve(event, cause={"restored_from": 1}) for event in events]

    assert len(events) == 3
    for event in events:
        body = json_text(plain(asdict(event, recurse=False)) | {"transaction": "7"}).encode()
        read = FeedEvent(Position(1, b"abcd", (2, 2)), "lead", "7", body).event
        assert read == event
        assert read.record == uid(1)
        assert "transaction" in parse_json(body)
