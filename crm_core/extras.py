"""The extras of the distribution: an import that lacks one says which."""

from types import TracebackType
from typing import Final

_OWN: Final = frozenset({"crm_core", "crm_adapters", "crm_http"})


class needs:  # noqa: N801  # it is used as a statement
    """A block of imports that an extra brings. A missing package is a ModuleNotFoundError that names the extra.

    Args:
        extra: the name of the extra, such as ``memory``.
    """

    def __init__(self, extra: str) -> None:
        self._extra = extra

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if not isinstance(error, ModuleNotFoundError) or error.name is None:
            return
        if error.name.partition(".")[0] not in _OWN and not error.msg.endswith("brings it."):
            raise missing(error.name, self._extra) from error


def missing(module: str, extra: str) -> ModuleNotFoundError:
    """Return the error for a module that is not installed, which names the extra that brings it."""
    return ModuleNotFoundError(f"{module} is missing: pip install 'crm-core[{extra}]' brings it.", name=module)
