"""The requests of deliveries: the templates of a webhook, filled from the record as it was in the change (decision 26).

The webhook is that of the attempt, so a webhook that is corrected is correct for the deliveries that wait.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import attrs

from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.plain_values import parse_json
from crm_core.webhooks.attempts import Attempt
from crm_core.webhooks.conditions import field_of
from crm_core.webhooks.templates import (
    UnfillableError,
    fill_header,
    fill_url,
    placeholders,
    without_empty_segments,
)

#: The former names of attributes, the latest first, by their names.
FormerNames: TypeAlias = Mapping[str, Sequence[str]]
NO_FORMER_NAMES: Final[FormerNames] = {}


class Templates(Protocol):
    """The part of a webhook that makes a request."""

    @property
    def method(self) -> str:
        """Return the HTTP method."""
        ...

    @property
    def url(self) -> str:
        """Return the URL, with placeholders."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers, with placeholders in their values."""
        ...


#: The kind of the event of an erased record, and what stands in its URLs where a segment has no value.
ERASED: Final = "erased"


@attrs.frozen
class WebhookRequest:
    """A request without its body; as ``Templates`` with placeholders, else filled.

    Attributes:
        method: the HTTP method.
        url: the receiver's URL; empty if it could not be filled.
        headers: the webhook's own headers.
    """

    method: str
    url: str
    headers: Mapping[str, str]


def placeholders_of(templates: Templates) -> list[str]:
    """Return the names of the fields in a webhook's URL and headers."""
    return [name for template in (templates.url, *templates.headers.values()) for name in placeholders(template)]


def filled(
    templates: Templates, value_of: Callable[[str], Any], *, is_erased: bool = False
) -> tuple[WebhookRequest, str]:
    """Return the request of a webhook for one record, and why it cannot be sent; an empty text if it can.

    Args:
        templates: the webhook.
        value_of: returns the plain value of a field by its name.
        is_erased: whether the record was erased. Then it has only an id, and ``erased`` takes the place of segments of
            the URL that would be empty, so that the receiver is told in any case.
    """
    url = without_empty_segments(templates.url, value_of, ERASED) if is_erased else templates.url
    headers = {name: fill_header(template, value_of) for name, template in templates.headers.items()}
    try:
        return WebhookRequest(templates.method, fill_url(url, value_of), headers), ""
    except UnfillableError as error:
        return WebhookRequest(templates.method, "", headers), str(error)


def filled_from_body(
    templates: Templates, body: bytes, earlier: WebhookRequest, former_names: FormerNames = NO_FORMER_NAMES
) -> tuple[WebhookRequest, str]:
    """Return what ``filled`` does, for the record in the body of a delivery.

    Args:
        templates: the webhook as it is now.
        body: the body, composed in the change. Release 0.1.0 kept none for GET.
        earlier: the delivery's last request. Without a body it is repeated where the webhook now needs a record.
        former_names: the names under which the body may have attributes that were renamed since.
    """
    names = placeholders_of(templates)
    if not body and (names or templates.method != "GET"):
        return earlier, "" if earlier.url else "The record as it was in the change was not kept."
    parsed: Mapping[str, Any] = parse_json(body) if names else {"data": {}}
    value_of = partial(_field_of, parsed["data"], former_names)
    return filled(templates, value_of, is_erased=parsed.get("type", "").endswith(f".{ERASED}"))


def _field_of(record: Mapping[str, Any], former_names: FormerNames, name: str) -> Any:
    """Return a field of a record, also an attribute that had another name when the record was written."""
    attribute = name.removeprefix(ATTRIBUTE_PREFIX)
    names = (
        [name] if attribute == name else [name, *(ATTRIBUTE_PREFIX + old for old in former_names.get(attribute, ()))]
    )
    found = (field_of(record, each) for each in names)
    return next((value for value in found if value is not None), None)


def make_attempt(
    claim: int,
    *,
    delivery: UUID,
    webhook: UUID,
    number: int,
    templates: Templates,
    body: bytes,
    earlier: WebhookRequest,
    secrets: tuple[str, ...],
    former_names: FormerNames = NO_FORMER_NAMES,
) -> Attempt:
    """Return an attempt at a delivery, by the webhook as it is now. Every Outbox makes its attempts with this function.

    Args:
        claim: a number that no other attempt of the delivery has.
        delivery: the delivery's id.
        webhook: the webhook's id.
        number: the number of the attempt, from 1.
        templates: the webhook's method, URL and headers as they are now.
        body: the delivery's body.
        earlier: the delivery's last request.
        secrets: the secrets to sign with, the newest first.
        former_names: the former names of the attributes of the webhook's model (``rules.attributes.former_names``).
    """
    request, error = filled_from_body(templates, body, earlier, former_names)
    return Attempt(
        delivery=delivery,
        webhook=webhook,
        number=number,
        claim=claim,
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=b"" if request.method == "GET" else body,
        secrets=secrets,
        error=error,
    )
