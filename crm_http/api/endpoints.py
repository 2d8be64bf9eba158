"""Declares an endpoint once: its handler, its permissions, and its description in the OpenAPI document.

The routes are mounted from these declarations (``routing``), and ``crm_http.openapi`` derives the document from them.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
from litestar.response.base import ASGIResponse
from litestar.types import Method

from crm_core.resources import Resource
from crm_http.api.auth import Access
from crm_http.api.requests import JSON, AnyRequest
from crm_http.payloads.shapes import Example, Shape

#: Handles a request after the permission was checked.
Handler = Callable[[AnyRequest], Awaitable[ASGIResponse]]


@attrs.frozen
class Reply:
    """A successful response.

    Attributes:
        meaning: one sentence for the document.
        body: the shape of its body; None for no body.
        headers: the names of its headers, besides those of every response.
        media_types: the media types that it may have.
        links: the operations that take the ``id`` of the response, by the name of the link.
    """

    meaning: str
    body: Shape | None = None
    headers: tuple[str, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    links: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Exported:
    """The query of an export: the filters and the order of a resource's list, and the fields of ``options``."""

    resource: Resource
    options: type


@attrs.frozen
class Endpoint:
    """One method of one path.

    Attributes:
        method: the HTTP method.
        path: the path without its last slash, with parameters in braces.
        handler: answers a request.
        access: what each method of the path needs: a permission, or an ``Access``. The endpoints of a path share it.
        id: the operation's name, in the document and in generated clients.
        tag: the heading under which the document lists it.
        summary: what it does, as an imperative sentence.
        description: what else a client should know, in sentences; the document adds whom it lets in.
        replies: the answers that are no errors, and errors with a body of their own, by status.
        errors: statuses of errors beside those that follow from the other attributes.
        headers: the names of the request headers that have a meaning here alone.
        query: the resource whose list or export it is, or the class whose fields its query parameters are; None for
            none.
        path_parameters: JSON Schemas of the parameters in the path that are not ids. One with an ``enum`` is documented
            as a path for each of its values.
        body: what the body of a request holds, by media type; empty for no body.
        max_body: the most bytes of a body; None for the usual limit.
        request_example: the example of the body in the documentation.
        working_example: an example of the body that succeeds as it stands; None where the documentation's does.
        response_example: an example of the first reply.
        reads_first: the resource of the record that the ``id`` in the path names, if the handler reads that first.
        is_deprecated: there is another path, which clients should take.
    """

    method: Method
    path: str
    handler: Handler
    access: Mapping[str, str | Access] = attrs.field(kw_only=True)
    id: str = attrs.field(kw_only=True)
    tag: str = attrs.field(kw_only=True)
    summary: str = attrs.field(kw_only=True)
    description: str = attrs.field(kw_only=True)
    replies: Mapping[int, Reply] = attrs.field(kw_only=True)
    errors: frozenset[int] = attrs.field(default=frozenset(), kw_only=True)
    headers: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    query: Resource | Exported | type | None = attrs.field(default=None, kw_only=True)
    path_parameters: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, kw_only=True)
    body: Mapping[str, Shape] = attrs.field(factory=dict, kw_only=True)
    max_body: int | None = attrs.field(default=None, kw_only=True)
    request_example: Example | None = attrs.field(default=None, kw_only=True)
    working_example: object = attrs.field(default=None, kw_only=True)
    response_example: Example | None = attrs.field(default=None, kw_only=True)
    reads_first: Resource | None = attrs.field(default=None, kw_only=True)
    is_deprecated: bool = attrs.field(default=False, kw_only=True)

    @property
    def needs(self) -> str | Access:
        """Return the permission or access that this method needs."""
        return self.access[self.method]

    @property
    def serves_json(self) -> bool:
        """Return whether every response is JSON, which the client must then accept."""
        return all(reply.body is None or reply.media_types == (JSON,) for reply in self.replies.values())
