"""Images as the app itself serves them, whole or in part (RFC 9110, 13 and 14)."""

import re
from http import HTTPStatus
from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from crm_core.errors import NotFoundError
from crm_core.input.urls import OWN_FILES
from crm_core.model.files import KEY, OpenFile, media_type
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import records
from crm_core.use_cases.uploads import Images
from crm_http.api.auth import Access
from crm_http.api.preconditions import names
from crm_http.api.requests import AnyRequest, header
from crm_http.api.routing import everybody, mount, path_id, rights

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)
#: Images are for the pages of others too, and addresses that cannot be guessed give nothing else away.
_FOR_OTHERS: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}
#: A key is never used again, so what was served under it is good for ever.
_FOR_EVER: Final = "max-age=31536000, immutable"


def mount_files(resource: Resource, db: Database, images: Images) -> HTTPRouteHandler:
    """``GET /files/<resource>/<id>/<name>``: for everybody, or where images are private who may view the record."""

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
            return ASGIResponse(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": file} | _FOR_OTHERS)
        return _answer(request, file, key, "private" if images.is_private else "public")

    access = rights(resource.noun) if images.is_private else everybody(Access.OPEN)
    path = f"{OWN_FILES}{resource.path}/{{id:str}}/{{name:str}}"
    return mount(path, {"GET": serve}, access, serves_json=False)


def _answer(request: AnyRequest, file: OpenFile, key: str, scope: str) -> ASGIResponse:
    tag = f'"{key.rpartition("/")[2]}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": f"{scope}, {_FOR_EVER}",
        "Content-Disposition": "inline",
        **_FOR_OTHERS,
    }
    if names(header(request, b"if-none-match"), tag):
        return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    start, end = _part(request, file.size, tag)
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


def _part(request: AnyRequest, size: int, tag: str) -> tuple[int, int]:
    """From where to where the file is asked for. Several ranges, or one of another file, are answered by all of it."""
    found = _RANGE.fullmatch(header(request, b"range").strip())
    if not found or not any(found.groups()) or header(request, b"if-range").strip() not in ("", tag):
        return 0, size
    first, last = found.groups()
    if not first:  # so many bytes from the end
        return max(size - int(last), 0), size
    if last and int(last) < int(first):  # which is no range
        return 0, size
    return int(first), min(int(last) + 1, size) if last else size
