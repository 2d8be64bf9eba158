"""Serve images, whole or in part (RFC 9110, 13 and 14)."""

from http import HTTPStatus
from typing import Final

from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from crm_core.errors import NotFoundError
from crm_core.model.files import KEY, MEDIA_TYPES, SITE_FILES, OpenFile, media_type
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import records
from crm_core.use_cases.uploads import Images
from crm_http.api.auth import Access
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import matches_etag
from crm_http.api.requests import AnyRequest, header
from crm_http.api.routes.records import tag_of
from crm_http.api.routing import everybody, path_id, rights
from crm_http.headers.byte_ranges import requested_range
from crm_http.headers.entity_tags import entity_tag

#: Pages of other sites may show images too. Their URLs cannot be guessed, so no other image is exposed.
_CROSS_ORIGIN: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}
#: A key is never used again, so what was served under it never changes.
_IMMUTABLE: Final = "max-age=31536000, immutable"
_MEDIA_TYPES: Final = tuple(MEDIA_TYPES.values())


def file_endpoint(resource: Resource, db: Database, images: Images) -> Endpoint:
    """Return the endpoint of ``GET /files/<resource>/<id>/<name>``.

    It is public; if images are private, it needs the permission to view the record.
    """

    async def serve(request: AnyRequest) -> ASGIResponse:
        id_ = path_id(request)
        key = f"{resource.path}/{id_}/{request.path_params['name']}"
        if not KEY.fullmatch(key):
            raise NotFoundError
        if images.is_private:
            await records.look_up(db, resource, id_)
        file = await images.files.open(key)
        if file is None:
            raise NotFoundError
        if isinstance(file, str):
            return ASGIResponse(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": file} | _CROSS_ORIGIN)
        return _answer(request, file, key, "private" if images.is_private else "public")

    return Endpoint(
        *("GET", f"{SITE_FILES}{resource.path}/{{id}}/{{name}}", serve),
        access=rights(resource.model_name) if images.is_private else everybody(Access.OPEN),
        id=f"{resource.path}_image",
        tag=tag_of(resource),
        summary=f"Retrieve an image of a {resource.label[0]}, or a range of its bytes",
        description="The URL cannot be guessed and never changes its content. `Range` asks for a part of the bytes.",
        path_parameters={"name": {"type": "string", "description": "The name of the file."}},
        headers=("If-None-Match",),
        replies={
            200: Reply("The image.", bytes, ("ETag", "Accept-Ranges"), _MEDIA_TYPES),
            206: Reply("A range of the bytes of the image.", bytes, ("ETag", "Content-Range"), _MEDIA_TYPES),
            304: Reply("The client has the image already. Images do not change.", headers=("ETag",)),
            307: Reply("The image is at another URL.", headers=("Location",)),
            416: Reply("The image has no such range of bytes.", headers=("Content-Range",)),
        },
    )


def _answer(request: AnyRequest, file: OpenFile, key: str, scope: str) -> ASGIResponse:
    tag = entity_tag(key.rpartition("/")[2])
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": f"{scope}, {_IMMUTABLE}",
        "Content-Disposition": "inline",
        **_CROSS_ORIGIN,
    }
    if matches_etag(header(request, b"if-none-match"), tag):
        return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    is_same = header(request, b"if-range").strip() in ("", tag)
    start, end = requested_range(header(request, b"range") if is_same else "", file.size)
    if start >= end:
        refusal = {"Content-Range": f"bytes */{file.size}"}
        return ASGIResponse(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=refusal)
    status = HTTPStatus.OK
    if end - start < file.size:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    return ASGIStreamingResponse(
        iterator=file.read(start, end),
        status_code=status,
        media_type=media_type(key),
        headers=headers | {"Content-Length": str(end - start)},
    )
