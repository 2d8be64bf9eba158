"""Bodies that are no records: the classes say which members they have, for the OpenAPI document.

Nothing is made of these classes: handlers answer with plain objects. Schemathesis compares them with the document.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import attrs


@attrs.frozen
class Token:
    """A new token.

    Attributes:
        token: the token, for the header ``Authorization: Bearer <token>``. It is shown only this once.
    """

    token: str


@attrs.frozen
class Me:
    """The caller.

    Attributes:
        id: the id of the user, a number.
        username: the name to log in with.
        groups: the names of the groups that the user is in.
        permissions: what the user may do, such as ``app.view_client``.
    """

    id: int
    username: str
    groups: tuple[str, ...]
    permissions: tuple[str, ...]


@attrs.frozen
class ImageUpload:
    """A form with an image.

    Attributes:
        file: the image: JPEG, PNG, GIF or WebP. Its content decides, not its name.
    """

    file: bytes


@attrs.frozen
class UploadedImage:
    """An image that was added to a record.

    Attributes:
        url: the URL of the new image.
        list_of_images: the URLs of all images of the record.
    """

    url: str
    list_of_images: tuple[str, ...]


@attrs.frozen
class Health:
    """The health of the server.

    Attributes:
        status: one word or two for people; the HTTP status says the same.
    """

    status: str


@attrs.frozen
class WebhookSecret:
    """The secret with which the calls of a webhook are signed.

    Attributes:
        secret: the secret, ``whsec_…``, for a library of Standard Webhooks. It is shown only this once.
    """

    secret: str


@attrs.frozen
class FirstSecret:
    """The secret of a new webhook.

    Attributes:
        secret: the secret, ``whsec_…``, which is shown only this once; null in the answer to a repeated request, if the
            webhook has another secret by now.
    """

    secret: str | None


@attrs.frozen
class WebhookRequest:
    """The request of a delivery.

    Attributes:
        method: the HTTP method.
        url: the URL, with the values of the record filled in.
        headers: the webhook's own headers, with the values of the record filled in.
        body: the body; null if there is none, or if the caller may not view the record in it.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, object] | None


@attrs.frozen
class DryRunResult:
    """The result of a dry run.

    Attributes:
        would_fire: whether the webhook would be called.
        request: the request that it would get.
        error: why it could not be called; null if it could.
    """

    would_fire: bool
    request: WebhookRequest
    error: str | None


@attrs.frozen
class Recovered:
    """The number of deliveries that are sent again.

    Attributes:
        recovered: how many deliveries will be sent again.
    """

    recovered: int


@attrs.frozen
class DeliveryDetails:
    """What one delivery shows beyond the log.

    Attributes:
        request: the request; null unless the caller may change webhooks.
        answer: the beginning of the receiver's last answer; null if there was none.
    """

    request: WebhookRequest | None
    answer: str | None


@attrs.frozen
class BulkResult:
    """The result of one operation.

    Attributes:
        status: the HTTP status that a single call would have.
        id: the id of the record; null if the operation was refused before it had one.
        version: the version that the record has since, as in its `ETag`; null if the operation was refused.
    """

    status: int
    id: UUID | None
    version: int | None


@attrs.frozen
class BulkResults:
    """The results of a bulk request.

    Attributes:
        results: one for each operation, in the order of the request. One that is refused has `errors`, in the shape of
            a single call. With `Prefer: return=representation` the others have the record as it is now, in `data`.
        succeeded: how many operations have an effect, or had nothing to change.
        failed: how many are refused.
    """

    results: tuple[BulkResult, ...]
    succeeded: int
    failed: int


@attrs.frozen
class ChangeEvent:
    """One change of one record.

    Attributes:
        id: the cursor after this change, for ``after``.
        resource: the name of the resource, such as ``lead``.
        record: the id of the record.
        version: the version that the change made. Apply a change only if its version is above the one you have.
        kind: created, updated or deleted. Clients must pass over kinds that they do not know.
        at: when the change was decided.
        actor: the id of the user who made it; null for the system.
        actor_name: that user's name at the time.
        request_id: the id of the request that made it.
        transaction: the same for all changes of one commit, which follow each other. Concurrent requests can share a
            commit.
        changes: what changed, by field; an attribute is ``attributes.<name>``, and lists have ``added``, ``removed``,
            ``changed`` and ``order``. Every field of a new or deleted record.
        cause: why the change was made, if the request does not tell.
    """

    id: str
    resource: str
    record: UUID
    version: int
    kind: str
    at: datetime
    actor: int | None
    actor_name: str
    request_id: str
    transaction: str
    changes: Mapping[str, Mapping[str, object]]
    cause: Mapping[str, object]


@attrs.frozen
class ChangesPage:
    """A page of the change feed.

    Attributes:
        events: the changes, oldest first.
        next: the ``after`` of the following request.
        more: whether further changes can be read at once.
    """

    events: tuple[ChangeEvent, ...]
    next: str
    more: bool
