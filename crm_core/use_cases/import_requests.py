"""The imports of a user: sending a file, and seeing and cancelling the runs that were begun (decisions 99 to 102)."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.cursors import read_place, write_place
from crm_core.engine.query_strings import MAX_PAGE_SIZE, page_limit
from crm_core.errors import ImportFinishedError, NotFoundError, TooLargeError, invalid
from crm_core.imports.options import FORMATS, format_of, read_options
from crm_core.imports.refused_files import refused_header, refused_lines
from crm_core.imports.runs import BATCH_ROWS, ImportRun
from crm_core.imports.status import ImportStatus, status_of
from crm_core.input.declarations import boolean, text
from crm_core.input.drafts import read_parameters, read_payload
from crm_core.input.readers import ReadContext
from crm_core.input.texts import normal
from crm_core.model.accounts import Actor, Caller
from crm_core.ports import ImportRuns
from crm_core.resources import RESOURCES, Resource
from crm_core.use_cases import imports
from crm_core.use_cases.import_stores import ImportStores

#: The most bytes of a file, unless a setting says otherwise.
MAX_IMPORT_BYTES: Final = 100 * 2**20
_MAX_NAME_LENGTH: Final = 255
_UNKNOWN_FORMAT: Final = f"The name of the file does not tell its format. Send one of {', '.join(FORMATS)}."
_FINISHED: Final = "This import is finished: it is {}."


@attrs.frozen
class Listing:
    """The query parameters of the list of imports.

    Attributes:
        limit: the number of imports on a page.
        cursor: the beginning of a page, as the ``Link`` header of another page has it.
    """

    limit: int = page_limit(MAX_PAGE_SIZE)
    cursor: str = text(default="")


@attrs.frozen
class UndoOptions:
    """How an import is undone.

    Attributes:
        dry_run: only count what would become of each of its changes.
        even_edited: delete what the import created also where it was edited since, unless other records refer to it.
    """

    dry_run: bool = boolean(default=False)
    even_edited: bool = boolean(default=False)


@attrs.frozen
class Imports:
    """What imports of users work on.

    Attributes:
        stores: the stores.
        max_bytes: the most bytes of a file.
        wake: is called when a run has begun, so that a runner of this process begins at once.
    """

    stores: ImportStores
    max_bytes: int = MAX_IMPORT_BYTES
    wake: Callable[[], object] = bool


class ImportPage(NamedTuple):
    """A page of the list of imports, and the cursor of the next page if there is one."""

    imports: Sequence[ImportStatus]
    next: str | None


class SentFile(NamedTuple):
    """A file that was received: the name that it had, and the options that came with it as plain values."""

    name: str
    options: Mapping[str, object]


#: Returns what came with a file, once its content was read.
ReadRest: TypeAlias = Callable[[], Awaitable[SentFile]]


async def receive(
    to: Imports, who: Caller, resource: Resource, content: AsyncIterator[bytes], read_rest: ReadRest
) -> ImportStatus:
    """Begin an import of a file as it arrives; a worker carries it out (``ImportRunner``).

    Args:
        to: the stores and the limit.
        who: the caller.
        resource: the resource of the records.
        content: the bytes of the file, in pieces; they are read as fast as they can be stored.
        read_rest: is called after that, and returns the name of the file and the options. A format that is not among
            them is the one of the name.

    Raises TooLargeError, and the errors of ``imports.start``.
    """
    async with to.stores.tables.written(_limited(content, to.max_bytes)) as path:
        name, sent = await read_rest()
        format_ = sent.get("format") or format_of(name)
        if not format_:
            raise invalid("format", "required", _UNKNOWN_FORMAT)
        options = read_options({**sent, "format": format_})
        run = await imports.start(to.stores, who, resource, path, options, name=_label(name), keep=True)
    to.wake()
    return status_of(run)


def _label(name: str) -> str:
    """Return a client's file name without folders and unprintable characters."""
    last = re.split(r"[/\\]", normal(name))[-1]
    return "".join(character for character in last if character.isprintable())[:_MAX_NAME_LENGTH] or "file"


async def _limited(content: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in content:
        size += len(piece)
        if size > max_bytes:
            raise TooLargeError(max_bytes)
        yield piece


async def find(runs: ImportRuns, who: Caller, params: Mapping[str, str], *, strict: bool = True) -> ImportPage:
    """Return the imports that the caller has begun, or a superuser all; the newest first.

    Args:
        runs: where runs are stored.
        who: the caller.
        params: the query parameters.
        strict: whether unknown parameters are problems.

    Raises InvalidError.
    """
    parameters = read_parameters(Listing, params, ReadContext(who.new_id, strict))
    limit = parameters["limit"]
    _, before = read_place(parameters["cursor"]) if parameters["cursor"] else (None, None)
    user = None if who.actor.is_superuser else who.actor.user.id
    found = await runs.latest(limit + 1, user=user, before=before)
    page = found[:limit]
    following = write_place(page[-1].created_at, page[-1].id) if len(found) > limit else None
    return ImportPage([status_of(run) for run in page if _may_see(who.actor, run)], following)


async def status(runs: ImportRuns, who: Caller, id_: UUID) -> ImportStatus:
    """Return an import of the caller, or for a superuser any. Raises NotFoundError."""
    return status_of(await _seen(runs, who, id_))


async def cancel(runs: ImportRuns, who: Caller, id_: UUID) -> None:
    """Cancel an import of the caller: from now on it writes nothing more, and what it has written stays.

    Raises NotFoundError; ImportFinishedError unless it goes on or was cancelled before.
    """
    await _seen(runs, who, id_)
    state = (await imports.cancel(runs, id_)).state
    if state != "cancelled":
        raise ImportFinishedError(_FINISHED.format(state))


async def undo(
    to: Imports, who: Caller, id_: UUID, data: object, *, dry_run: bool = False, strict: bool = True
) -> ImportStatus:
    """Begin to undo an import of the caller; a worker carries it out (``ImportRunner``).

    Args:
        to: the stores.
        who: the caller.
        id_: the id of the import.
        data: plain values of ``UndoOptions``.
        dry_run: only count, also where ``data`` does not say so.
        strict: whether unknown members are problems.

    Raises NotFoundError, PermissionDeniedError, InvalidError, UndoRefusedError.
    """
    await _seen(to.stores.runs, who, id_)
    options = UndoOptions(**read_payload(UndoOptions, data, ReadContext(who.new_id, strict)))
    run = await imports.start_undo(
        to.stores.runs, who, id_, dry_run=dry_run or options.dry_run, even_edited=options.even_edited, queue=True
    )
    to.wake()
    return status_of(run)


async def refused_file(runs: ImportRuns, who: Caller, id_: UUID) -> AsyncIterator[bytes]:
    """Return the pieces of a CSV file of the rows of an import that were refused. Raises NotFoundError."""
    return _pieces(runs, await _seen(runs, who, id_))


async def _pieces(runs: ImportRuns, run: ImportRun) -> AsyncIterator[bytes]:
    yield refused_header(run)
    after = 0
    while rows := await runs.refused_rows(run.id, after, BATCH_ROWS):
        yield refused_lines(rows)
        after = rows[-1].row


async def _seen(runs: ImportRuns, who: Caller, id_: UUID) -> ImportRun:
    run = await imports.get(runs, id_)
    if not _may_see(who.actor, run):
        raise NotFoundError
    return run


def _may_see(actor: Actor, run: ImportRun) -> bool:
    """Return whether an actor may see a run; a narrow token reaches no more than it could import or list itself."""
    if actor.is_superuser:
        return True
    resource = RESOURCES.get(run.resource)
    if resource is None or run.user != actor.user.id:  # nobody has permissions for what no package registers
        return False
    return any(actor.may(resource.permission(action)) for action in ("add", "view"))
