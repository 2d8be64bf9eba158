"""Runs an iterator one item ahead of its consumer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar

_T = TypeVar("_T")


async def ahead(items: AsyncGenerator[_T]) -> AsyncIterator[_T]:
    """Yield items, and make the next one while the consumer works on one.

    An error of an item comes when its turn comes. When the consumer stops, the item that is being made is cancelled.
    """
    async with aclosing(items):
        following = asyncio.ensure_future(anext(items, None))
        try:
            while (item := await following) is not None:
                following = asyncio.ensure_future(anext(items, None))
                yield item
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
