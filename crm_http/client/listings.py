"""Lists: all items that match, requested page by page as they are read, or one page, or the first item."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import attrs
import httpx
from attrs.validators import ge, optional

from crm_core.arguments.signatures import bound_signature, show_fields
from crm_core.embedding.listings import AsyncListing, Listing
from crm_core.engine.parameters import parameter_text
from crm_core.input.readers import RefusedError
from crm_core.model.list_pages import ListPage
from crm_http.client.operations import AsyncDriver, Driver, Operation, OperationGroup
from crm_http.client.responses import decode

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def parameters_of(filters: Mapping[str, object]) -> Mapping[str, str]:
    """Return query parameters. Raises ValueError for what the server would ignore."""
    return {name: _parameter(name, value) for name, value in filters.items()}


def _parameter(name: str, value: object) -> str:
    """Return a query parameter. Raises ValueError for what the server would ignore: it would list everything."""
    try:
        return parameter_text(value)
    except RefusedError:
        text = f"{name} takes a value to compare with, not {value!r}: leave it out for no such filter"
        raise ValueError(text) from None


@attrs.frozen(kw_only=True)
class ListQuery(Generic[T_co]):
    """What is to be listed.

    Attributes:
        path: the path of the list.
        item: the class of its items.
        page_size: items in a page, from 1 to 1,000.
        limit: the most items in all; None for no limit.
        filters: query parameters.
    """

    path: str
    item: type[T_co]
    page_size: int
    limit: int | None = attrs.field(validator=optional(ge(0)))
    filters: Mapping[str, str] = attrs.field(converter=parameters_of)

    def page(self, cursor: str = "", *, size: int | None = None) -> Operation[ListPage[T_co]]:
        """Return the operation that gets the page that begins at a cursor.

        Args:
            cursor: as the page before it told; empty for the first page.
            size: the most items in it, if those are fewer than ``page_size`` and ``limit``.
        """
        most = min(self.page_size, self.limit or self.page_size, size or self.page_size)
        params = {**self.filters, "limit": str(most)} | ({"cursor": cursor} if cursor else {})
        return Operation(method="GET", path=self.path, read=self._read_page, options={"params": params})

    def _read_page(self, response: httpx.Response) -> ListPage[T_co]:
        page_type: Any = tuple[self.item, ...]  # type: ignore[name-defined]  # a type that is made at run time
        # Of the link only the cursor is used: the token is for the host of the client alone.
        following = httpx.URL(response.links.get("next", {}).get("url", ""))
        items = decode(response, page_type)[: self.limit]
        return ListPage(items, following.params.get("cursor", ""))


class listing(Generic[P, T]):  # noqa: N801  # it is used as a decorator, as property is
    """Turn a method that builds the query of a list into one that returns the list (a decorator)."""

    def __init__(self, build: Callable[Concatenate[Any, P], ListQuery[T]]) -> None:
        show_fields(build)
        self._build = build
        self._signatures = {False: bound_signature(build, Listing), True: bound_signature(build, AsyncListing)}
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, group: None, owner: type) -> Callable[..., ListQuery[T]]: ...

    @overload
    def __get__(self, group: OperationGroup[Driver], owner: type) -> Callable[P, Listing[T]]: ...

    @overload
    def __get__(self, group: OperationGroup[AsyncDriver], owner: type) -> Callable[P, AsyncListing[T]]: ...

    def __get__(self, group: OperationGroup[Any] | None, owner: type) -> Callable[..., object]:
        if group is None:
            return self._build
        bound, is_async = self._build.__get__(group), iscoroutinefunction(group.driver.run)

        @wraps(bound)
        def send(*args: P.args, **kwargs: P.kwargs) -> object:
            return (AsyncListing if is_async else Listing)(group.driver, bound(*args, **kwargs))

        send.__signature__ = self._signatures[is_async]  # type: ignore[attr-defined]
        return send
