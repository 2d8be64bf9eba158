"""The request of an attempt: the webhook as it is now, the record as it was in the change (ruling 26)."""

import json

import pytest
from attrs import evolve

from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.requests import WebhookRequest, filled_from_body, make_attempt
from tests.core.knowledge import made, uid

RECORD = {"id": str(uid(9)), "name": "Jane", "stage": None, "attributes": {"size": 1.5}}
BODY = json.dumps({"type": "lead.updated", "data": RECORD}).encode()
HOOK = made(
    Webhook, 2, name="w", model="Lead", url="https://a.example/{name}?s={attributes.size}", headers={"X-Id": "{id}"}
)
EARLIER = WebhookRequest("GET", "https://old.example/Jane", {"X-Old": "1"})
NOT_KEPT = "The record as it was in the change was not kept."


def test_templates_are_filled_from_the_record_in_the_body() -> None:
    expected = WebhookRequest("POST", "https://a.example/Jane?s=1.5", {"X-Id": str(uid(9))})

    assert filled_from_body(HOOK, BODY, EARLIER) == (expected, "")


def test_what_cannot_be_filled_has_no_url_and_says_why() -> None:
    request, error = filled_from_body(evolve(HOOK, url="https://a.example/{stage}/"), BODY, EARLIER)

    assert (request.url, request.headers) == ("", {"X-Id": str(uid(9))})
    assert error == "A segment of the URL's path would be empty: {stage}."


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_body_the_request_of_release_0_1_0_is_repeated(method: str) -> None:
    assert filled_from_body(evolve(HOOK, method=method), b"", EARLIER) == (EARLIER, "")
    assert filled_from_body(HOOK, b"", evolve(EARLIER, url="")) == (evolve(EARLIER, url=""), NOT_KEPT)


def test_without_a_body_a_get_that_needs_no_record_is_that_of_the_webhook() -> None:
    plain = evolve(HOOK, method="GET", url="https://new.example/", headers={})

    assert filled_from_body(plain, b"", EARLIER) == (WebhookRequest("GET", "https://new.example/", {}), "")
    assert filled_from_body(evolve(plain, method="PUT"), b"", EARLIER) == (EARLIER, "")


@pytest.mark.parametrize(("method", "body"), [("POST", BODY), ("DELETE", BODY), ("GET", b"")])
def test_an_attempt_sends_the_body_unless_it_is_a_get(method: str, body: bytes) -> None:
    attempt = make_attempt(
        3,
        delivery=uid(1),
        webhook=uid(2),
        number=1,
        templates=evolve(HOOK, method=method),
        body=BODY,
        earlier=EARLIER,
        secrets=("whsec_x",),
    )

    assert (attempt.claim, attempt.method, attempt.body, attempt.error) == (3, method, body, "")
