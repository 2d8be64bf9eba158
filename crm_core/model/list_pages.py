"""Pages of lists as clients and embedders get them."""

from typing import Generic, TypeVar

import attrs

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class ListPage(Generic[T_co]):
    """A page of a list.

    Attributes:
        items: its items.
        next_cursor: where the next page begins, for ``page(cursor)``; empty if this is the last page.
    """

    items: tuple[T_co, ...]
    next_cursor: str
