"""The check of the file store: a file is written, read and deleted."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from crm_core.model.files import OpenFile
from crm_core.ports import FileStore
from crm_http.cli.doctor.checks import Check, failed, ok, run_probe, warning
from crm_http.server.file_stores import file_store
from crm_http.settings import Settings

_URL_SECONDS: Final = 5.0
_PROBE: Final = b"written by crm doctor"


async def check_files_kept(settings: Settings) -> Sequence[Check]:
    """Check that a file can be written, read and deleted."""
    return await run_probe("files", partial(_probe, settings))


async def _probe(settings: Settings) -> Sequence[Check]:
    store, key = file_store(settings), f"doctor/{uuid4()}/{uuid4()}.png"
    place = f"the bucket {settings.s3_bucket}" if settings.s3_bucket else str(settings.data_dir.resolve() / "files")
    try:
        await store.put(key, _content(), name="doctor.png")
        try:
            problem = await _problem_of_reading(store, key)
        finally:
            await store.delete(key)
    finally:
        store.close()
    if not problem:
        return [ok("files", f"A file was written to {place}, read and deleted.")]
    if settings.s3_private or settings.s3_bucket is None:
        return [
            failed("files", f"A file was written to {place}, but {problem}.", "Grant s3:GetObject to the CRM's user.")
        ]
    advice = (
        "Let everybody read the bucket (docs/how-to/images.md), correct CRM_S3_PUBLIC_URL, or set CRM_S3_PRIVATE=1."
    )
    return [warning("files", f"A file was written to {place}, but from here {problem}.", advice)]


async def _content() -> AsyncIterator[bytes]:
    yield _PROBE


async def _problem_of_reading(store: FileStore, key: str) -> str:
    found = await store.open(key)
    if isinstance(found, str):
        return await asyncio.to_thread(_problem_of_address, found)
    read = b"".join([piece async for piece in found.read(0, found.size)]) if isinstance(found, OpenFile) else b""
    return "" if read == _PROBE else "it is missing when it is read"


def _problem_of_address(url: str) -> str:
    """Return what is wrong with an address. The address is not shown, because a signed one gives access."""
    try:
        with urllib.request.urlopen(url, timeout=_URL_SECONDS) as answer:  # noqa: S310  # of our own store
            return "" if answer.read(len(_PROBE) + 1) == _PROBE else "its address shows something else"
    except urllib.error.HTTPError as error:
        return f"its address answers {error.code} {HTTPStatus(error.code).phrase}"
    except OSError:
        return "its address does not answer"
