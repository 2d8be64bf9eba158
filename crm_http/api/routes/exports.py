"""The export of a list as a file."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

import attrs
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from crm_core.errors import InvalidError, not_a_choice
from crm_core.model.accounts import Caller
from crm_core.ports import Database, WorkbookWriter
from crm_core.resources import Resource
from crm_core.use_cases import exports
from crm_core.use_cases.exports import Export, ExportOptions
from crm_http.api.auth import caller
from crm_http.api.endpoints import Endpoint, Exported, Reply
from crm_http.api.requests import AnyRequest, is_strict, read_query
from crm_http.api.routes.records import tag_of
from crm_http.api.routing import rights
from crm_http.middleware.fairness import Share

logger: Final = logging.getLogger("crm.exports")

#: The media type of each format. Generators of clients that know one type of an answer take the first: bytes, which
#: hold every format.
MEDIA_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
    "jsonl": "application/jsonl",
}


@attrs.frozen
class ExportRoute:
    """The handler of one resource's export.

    Attributes:
        resource: the resource.
        db: where its records are stored.
        workbooks: writes XLSX; None if that format is not there.
    """

    resource: Resource
    db: Database
    workbooks: WorkbookWriter | None

    async def export(self, request: AnyRequest) -> ASGIResponse:
        """Answer with all records that match, as a file."""
        options, params = exports.read_options(read_query(request))
        write = self._writer(options)
        who, share = caller(request), Share.of(request.scope)
        exported = await share.in_turn(exports.export(self.db, who, self.resource, params, strict=is_strict(request)))
        record = _Record(who, self.resource, options.format)
        pieces = record.counting(share.pieces(exported.pieces))
        file = write(attrs.evolve(exported, pieces=pieces))
        first = await anext(file, b"")  # while an error response is still possible
        name = f"{self.resource.path}-{who.now:%Y-%m-%d}.{options.format}"
        return ASGIStreamingResponse(
            iterator=record.noting(first, file),
            media_type=MEDIA_TYPES[options.format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _writer(self, options: ExportOptions) -> Callable[[Export], AsyncIterator[bytes]]:
        if options.format == "csv":
            return lambda exported: exports.csv_file(exported, bom=options.bom)
        if options.format == "jsonl":
            return exports.jsonl_file
        if (workbooks := self.workbooks) is None:
            raise InvalidError({"format": (not_a_choice(options.format),)})
        return lambda exported: workbooks.write(exported.columns, exported.pieces)


@attrs.define
class _Record:
    """What the log keeps of an export: who took how many records of what, and when (decision 92)."""

    who: Caller
    resource: Resource
    format: str
    records: int = 0

    async def counting(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces, and count their records."""
        async for piece in pieces:
            self.records += exports.count_records(piece)
            yield piece

    async def noting(self, first: bytes, file: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the file, and write a line to the log when it was sent, or sending it ended early."""
        end = "aborted"
        try:
            yield first
            async for piece in file:
                yield piece
            end = "complete"
        finally:
            logger.info(
                "request_id=%s user=%d resource=%s format=%s records=%d %s",
                *(self.who.request_id, self.who.actor.user.id, self.resource.path, self.format, self.records, end),
            )


def export_endpoint(resource: Resource, db: Database, workbooks: WorkbookWriter | None) -> Endpoint:
    """Return the endpoint that exports a resource."""
    many = resource.label[1]
    return Endpoint(
        *("GET", f"/api/{resource.path}/export", ExportRoute(resource, db, workbooks).export),
        access=rights(resource.model_name),
        id=f"{resource.path.replace('-', '_')}_export",
        tag=tag_of(resource),
        summary=f"Export {many} as a file",
        description="All that match the filters of the list, streamed. In CSV and XLSX every attribute is a column "
        "`attributes.<name>`, and what no cell can hold is JSON; JSONL has each record on a line, as lists show it.",
        query=Exported(resource, ExportOptions),
        replies={200: Reply(f"The {many}.", bytes, ("Content-Disposition",), tuple(MEDIA_TYPES.values()))},
    )
