"""S3FileStore: files in a bucket of Amazon S3, or of another store with its protocol."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from io import FileIO
from typing import Any, Final, ParamSpec, Protocol, TypeVar
from urllib.parse import quote

from crm_adapters.disk import BLOCK, temporary_file, write_all
from crm_adapters.threads import Threads
from crm_core.errors import UnavailableError
from crm_core.extras import needs
from crm_core.model.files import SITE_FILES, OpenFile, StoredFile, key_in, media_type

with needs("s3"):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["S3FileStore"]

logger: Final = logging.getLogger("crm.s3")

_P = ParamSpec("_P")
_T = TypeVar("_T")

_THREADS: Final = 8
_MAX_WAITING: Final = 64
_THREADS_NEAR: Final = 2
_MAX_WAITING_NEAR: Final = 256
#: Seconds for connecting, and between two pieces of an answer.
_CONNECT_TIMEOUT: Final = 3
_READ_TIMEOUT: Final = 5
#: Seconds for an operation with all its retries, after which callers no longer wait.
_OPERATION_TIMEOUT: Final = 8.0
#: Seconds after which clients are asked to try again.
_RETRY_AFTER: Final = 5
#: Seconds for which a signed URL is valid.
_SIGNED_URL_LIFETIME: Final = 300
_NOT_FOUND: Final = 404
_AMAZON: Final = "https://{bucket}.s3.amazonaws.com"


class _Client(Protocol):
    """The methods used of boto3's client, which has no types."""

    def put_object(self, **arguments: object) -> object: ...
    def head_object(self, **arguments: object) -> Mapping[str, Any]: ...
    def get_object(self, **arguments: object) -> Mapping[str, Any]: ...
    def delete_object(self, **arguments: object) -> object: ...
    def list_objects_v2(self, **arguments: object) -> Mapping[str, Any]: ...
    def generate_presigned_url(self, operation: str, /, **arguments: object) -> str: ...


class S3FileStore:
    """Files in a bucket (``crm_core.ports.FileStore``). Credentials and region come from boto3's usual places.

    An upload is staged in an unnamed temporary file and sent when it is complete: S3 must know its size first, a retry
    reads it again, and a slow client occupies no thread.

    Args:
        bucket: the bucket's name.
        endpoint_url: the endpoint of an S3 other than Amazon's.
        public_url: the prefix of the URLs of files, if it is not the bucket's own address.
        is_private: whether files are served only by the app, to users who may view the record.
        files_path: the path of private files at the app, if that is not served at the root of its host.

    Raises ValueError for an invalid endpoint or invalid settings of AWS.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str | None = None,
        public_url: str | None = None,
        is_private: bool = False,
        files_path: str = SITE_FILES,
    ) -> None:
        own = f"{endpoint_url}/{bucket}" if endpoint_url else _AMAZON.format(bucket=bucket)
        self._bucket = bucket
        self._public = f"{public_url or own}/"
        self._is_private = is_private
        self._files_path = files_path
        self._client = _client(endpoint_url)
        # Threads that wait for the store do not delay the staging of files.
        self._far = Threads("s3", count=_THREADS, waiting=_MAX_WAITING)
        self._near = Threads("staging", count=_THREADS_NEAR, waiting=_MAX_WAITING_NEAR)

    def url(self, key: str) -> str:
        """Return the URL of a file: at the bucket, or for private files at the app."""
        return (self._files_path if self._is_private else self._public) + key

    def key(self, url: str) -> str | None:
        """Return the key of the file with this URL, private or not; None for other URLs."""
        return key_in(url, self._public)

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:
        """Store a file; it is in the bucket when this returns."""
        with ExitStack() as opened:
            staged = opened.enter_context(temporary_file())
            await write_all(self._near, staged, content)
            staged.seek(0)
            sending = self._far.submit(_with_s3_errors(self._client.put_object), **self._request(key, staged, name))
            # The thread goes on reading even when the caller no longer waits.
            reading = opened.pop_all()
            sending.add_done_callback(lambda _: reading.close())
        try:
            await _answer(sending)
        except BaseException:
            if not sending.done():  # it cannot be stopped, and the file may still arrive
                sending.add_done_callback(lambda _: self._forget(key))
            raise

    async def open(self, key: str) -> OpenFile | str | None:
        """Return a URL of the file, signed for private files; it does not check that the file exists."""
        if not self._is_private:
            return self._public + key
        what = {"Bucket": self._bucket, "Key": key}
        sign = _with_s3_errors(self._client.generate_presigned_url)
        return await _answer(self._near.submit(sign, "get_object", Params=what, ExpiresIn=_SIGNED_URL_LIFETIME))

    async def fetch(self, key: str) -> OpenFile | None:
        """Return a file with its bytes, or None."""
        size = await self._run(partial(_size, self._client), Bucket=self._bucket, Key=key)
        return None if size is None else OpenFile(size, partial(self._read, key))

    async def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        await self._run(self._client.delete_object, Bucket=self._bucket, Key=key)

    async def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """Yield the files whose keys begin with ``prefix``."""
        more: dict[str, object] = {}
        while True:
            page = await self._run(self._client.list_objects_v2, Bucket=self._bucket, Prefix=prefix, **more)
            for item in page.get("Contents", ()):
                yield StoredFile(item["Key"], item["LastModified"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def close(self) -> None:
        """Stop the threads, without waiting for those that wait for the store."""
        self._far.close(wait=False)
        self._near.close()

    async def _read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        for begin in range(start, end, BLOCK):
            part = f"bytes={begin}-{min(begin + BLOCK, end) - 1}"
            yield await self._run(partial(_bytes, self._client), Bucket=self._bucket, Key=key, Range=part)

    def _request(self, key: str, content: FileIO, name: str) -> Mapping[str, object]:
        return {
            "Bucket": self._bucket,
            "Key": key,
            "Body": content,
            "ContentType": media_type(key),
            "ContentDisposition": content_disposition(name),
            # The key is never used again, so what it names never changes.
            "CacheControl": "max-age=31536000, immutable",
        }

    def _forget(self, key: str) -> None:
        try:
            self._far.submit(self._client.delete_object, Bucket=self._bucket, Key=key)
        except UnavailableError:
            logger.warning("left behind: %s", key)

    async def _run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await _answer(self._far.submit(_with_s3_errors(work), *args, **kwargs))


# These two run in threads.


def _size(client: _Client, **where: object) -> int | None:
    try:
        return int(client.head_object(**where)["ContentLength"])
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NOT_FOUND:
            return None
        raise


def _bytes(client: _Client, **what: object) -> bytes:
    body: bytes = client.get_object(**what)["Body"].read()
    return body


def _client(endpoint_url: str | None) -> _Client:
    try:
        session = boto3.Session()
        return _connected(session, endpoint_url)
    except BotoCoreError as error:
        raise ValueError(str(error)) from error


def _connected(session: Any, endpoint_url: str | None) -> _Client:
    client: _Client = session.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=session.region_name or "us-east-1",
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=_THREADS,
            signature_version="s3v4",
            # Amazon's newer checksums are unknown to many other stores.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if endpoint_url else "virtual"},
        ),
    )
    return client


async def _answer(future: "Future[_T]") -> _T:
    """Return the result of work in a thread. Raises UnavailableError after _OPERATION_TIMEOUT."""
    try:
        async with asyncio.timeout(_OPERATION_TIMEOUT):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        logger.warning("no answer in %s s", _OPERATION_TIMEOUT)
        raise UnavailableError(retry_after=_RETRY_AFTER) from None


def _with_s3_errors(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function that raises UnavailableError for errors of boto3, and logs the reason (a decorator)."""

    def do(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _translated():
            return work(*args, **kwargs)

    return do


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        logger.warning("store unavailable: %s", error)
        raise UnavailableError(retry_after=_RETRY_AFTER) from error


def content_disposition(name: str) -> str:
    """Return the ``Content-Disposition`` of an image (RFC 6266), under which people save it."""
    return f"inline; filename*=UTF-8''{quote(name, safe='')}"
