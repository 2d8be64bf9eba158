"""Images come in as the files of forms (``api.md`` 11)."""

from http import HTTPStatus

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.errors import CrmError
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import uploads
from crm_core.use_cases.uploads import Images
from crm_http.api.auth import caller
from crm_http.api.errors import RequestError
from crm_http.api.multipart import FORM_BYTES, read_upload
from crm_http.api.requests import JSON, AnyRequest, read_pieces, skip
from crm_http.api.routing import mount, path_id, rights


def mount_uploads(resource: Resource, db: Database, images: Images) -> HTTPRouteHandler:
    """``POST /api/<resource>/<id>/files/``."""

    async def upload(request: AnyRequest) -> ASGIResponse:
        pieces = read_pieces(request)
        try:
            url, document = await uploads.add_image(
                db, images, caller(request), resource, path_id(request), lambda: read_upload(request, pieces)
            )
        except (CrmError, RequestError):
            await skip(pieces)
            raise
        shown = {"url": url, "list_of_images": msgspec.json.decode(document.body)["list_of_images"]}
        return ASGIResponse(body=msgspec.json.encode(shown), status_code=HTTPStatus.CREATED, media_type=JSON)

    return mount(
        f"/api/{resource.path}/{{id:str}}/files",
        {"POST": upload},
        rights(resource.noun) | {"POST": resource.permission("change")},
        largest_body=images.max_bytes + FORM_BYTES,
    )
