"""The extras of the distribution: an import that lacks one says which."""

from importlib.util import find_spec
from types import TracebackType
from typing import Final

_OWN: Final = frozenset({"crm_core", "crm_adapters", "crm_http"})


def require(module: str, extra: str) -> None:
    """Raise a ModuleNotFoundError that names the extra, unless a module is there; it is not imported.

    Args:
        module: the module, which is imported later or by another process.
        extra: the name of the extra, such as ``xlsx``.
    """
    if find_spec(module) is None:
        raise _missing(module, extra)


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
            raise _missing(error.name, self._extra) from error


def _missing(module: str, extra: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"{module} is missing: pip install 'crm-core[{extra}]' brings it.", name=module)
