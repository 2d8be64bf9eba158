"""The endpoint of uploads: an image arrives as the file of a form (``api.md`` 11)."""

from http import HTTPStatus

import msgspec
from litestar.response.base import ASGIResponse

from crm_core.errors import CrmError
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import uploads
from crm_core.use_cases.uploads import Images
from crm_http.api.auth import caller
from crm_http.api.body_limits import MAX_UPLOAD_FORM
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.errors import RequestError
from crm_http.api.requests import MULTIPART, AnyRequest, read_pieces, skip
from crm_http.api.responses import json_response
from crm_http.api.routes.records import tag_of
from crm_http.api.routing import path_id, rights
from crm_http.api.upload_form import read_upload
from crm_http.payloads.bodies import ImageUpload, UploadedImage
from crm_http.payloads.record_examples import RESPONSE_EXAMPLES


def upload_endpoint(resource: Resource, db: Database, images: Images) -> Endpoint:
    """Return the endpoint of ``POST /api/<resource>/<id>/files/``."""

    async def upload(request: AnyRequest) -> ASGIResponse:
        pieces = read_pieces(request)
        try:
            url, document = await uploads.add_image(
                db, images, caller(request), resource, path_id(request), lambda: read_upload(request, pieces)
            )
        except (CrmError, RequestError):
            await skip(pieces)
            raise
        uploaded = {"url": url, "list_of_images": msgspec.json.decode(document.body)["list_of_images"]}
        return json_response(uploaded, HTTPStatus.CREATED)

    return Endpoint(
        *("POST", f"/api/{resource.path}/{{id}}/files", upload),
        access=rights(resource.model_name, POST="change"),
        id=f"{resource.path}_upload",
        tag=tag_of(resource),
        summary=f"Add an image to a {resource.label[0]}: JPEG, PNG, GIF or WebP",
        description="The file is stored, and its URL is appended to `list_of_images`.",
        body={MULTIPART: ImageUpload},
        max_body=images.max_bytes + MAX_UPLOAD_FORM,
        replies={201: Reply("The URL of the new image, and the URLs of all images.", UploadedImage)},
        response_example=RESPONSE_EXAMPLES.get((resource.name, "upload")),
    )
