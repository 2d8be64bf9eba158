"""Prefetches: makes the next item of an iterator while its consumer works on one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

_T = TypeVar("_T")


@asynccontextmanager
async def prefetched(items: AsyncIterator[_T]) -> AsyncIterator[AsyncIterator[_T]]:
    """Yield an iterator of the same items, which makes the next one while the consumer works on one.

    An error comes when the turn of its item comes. At the end of the block, what is being made is cancelled.
    """
    following = _begun(items)

    async def each() -> AsyncIterator[_T]:
        nonlocal following
        while not isinstance(item := await following, _End):
            following = _begun(items)
            yield item

    try:
        yield each()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class _End:
    """Stands for the end of the items."""


def _begun(items: AsyncIterator[_T]) -> "asyncio.Task[_T | _End]":
    return asyncio.create_task(_next(items))


async def _next(items: AsyncIterator[_T]) -> "_T | _End":
    return await anext(items, _End())
