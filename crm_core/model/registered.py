"""The resources that were registered beside those of the CRM, and the tables that are derived from all of them.

Lower modules cannot import the table of resources; they take from here what registered ones add to their own tables. A
derived table is derived again when a resource is registered, so that whoever holds it sees all of them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

from crm_core.errors import RegistrationError

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)


class Registered(Protocol):
    """What lower modules know of a registered resource (``crm_core.resources.Resource``)."""

    @property
    def name(self) -> str:
        """Return its name in keys, tables and attribute definitions."""
        ...

    @property
    def model_name(self) -> str:
        """Return its name in permissions."""
        ...

    @property
    def entity(self) -> type:
        """Return the class of its records."""
        ...

    @property
    def has_catalog(self) -> bool:
        """Return whether users define attributes and webhooks for it."""
        ...


class _Registry:
    """What was registered, by whom the resources are in use already, and how often that has changed."""

    def __init__(self) -> None:
        self.rows: dict[str, Registered] = {}
        self.samples: dict[str, Mapping[str, Any]] = {}
        self.user = ""
        self.changes = 0


_REGISTRY: Final = _Registry()


def registered() -> Collection[Registered]:
    """Return the registered resources, in the order of their registration."""
    return _REGISTRY.rows.values()


def sample_of(name: str) -> Mapping[str, Any]:
    """Return the sample with which a resource was registered, without what others must supply."""
    return _REGISTRY.samples[name]


def add(row: Registered, sample: Mapping[str, Any]) -> None:
    """Add a resource that was checked. Raises RegistrationError where the resources are in use already."""
    if _REGISTRY.user:
        raise RegistrationError(row.name, (f"it comes too late: {_REGISTRY.user} was made before",))
    _REGISTRY.rows[row.name] = row
    _REGISTRY.samples[row.name] = sample
    _REGISTRY.changes += 1


def use_resources(user: str) -> None:
    """Close the registration, as something was made that has all resources there are by now.

    Args:
        user: what was made, for the message of a registration that comes too late.
    """
    _REGISTRY.user = _REGISTRY.user or user


@contextmanager
def own_registration() -> Iterator[None]:
    """Let resources be registered in a block, whatever uses them, and forget at its end what was registered in it.

    It is for tests. What was made in the block must not be used after it.
    """
    before = dict(_REGISTRY.rows), dict(_REGISTRY.samples), _REGISTRY.user
    _REGISTRY.user = ""
    try:
        yield
    finally:
        _REGISTRY.rows, _REGISTRY.samples, _REGISTRY.user = before
        _REGISTRY.changes += 1


class _Derived(Collection[K]):
    """A table that is derived when it is first asked, and again after a registration."""

    def __init__(self, derive: Callable[[], Mapping[K, Any]]) -> None:
        self._derive = derive
        self._changes = -1
        self._kept: Mapping[K, Any] = {}

    def _table(self) -> Mapping[K, Any]:
        if self._changes != _REGISTRY.changes:
            self._kept, self._changes = self._derive(), _REGISTRY.changes
        return self._kept

    def __contains__(self, key: object) -> bool:
        return key in self._table()

    def __iter__(self) -> Iterator[K]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)})"


class DerivedTable(_Derived[K], Mapping[K, V_co]):
    """A mapping that is derived from the resources there are.

    Args:
        derive: returns the mapping as it is now.
        missing: returns the error for a key that is not there, from the key.
    """

    def __init__(self, derive: Callable[[], Mapping[K, V_co]], missing: Callable[[K], KeyError] = KeyError) -> None:
        super().__init__(derive)
        self._missing = missing

    def __getitem__(self, key: K) -> V_co:
        table: Mapping[K, V_co] = self._table()
        try:
            return table[key]
        except KeyError:
            raise self._missing(key) from None


class DerivedNames(_Derived[str], AbstractSet[str]):
    """A set of names, in their order, that is derived from the resources there are. Operations on it give plain sets.

    Args:
        derive: returns the names as they are now.
    """

    def __init__(self, derive: Callable[[], Collection[str]]) -> None:
        super().__init__(lambda: dict.fromkeys(derive()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name)  # what clients send may be anything

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> frozenset[Any]:  # for the operations that are not below
        return frozenset(it)

    def __and__(self, other: AbstractSet[Any]) -> frozenset[str]:
        return frozenset(self) & other

    def __or__(self, other: AbstractSet[Any]) -> frozenset[Any]:
        return frozenset(self) | other

    def __sub__(self, other: AbstractSet[Any]) -> frozenset[str]:
        return frozenset(self) - other

    __rand__ = __and__
    __ror__ = __or__
