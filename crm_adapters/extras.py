"""Looks whether an extra is installed whose modules are imported later."""

from importlib.util import find_spec

from crm_core.extras import missing


def require(module: str, extra: str) -> None:
    """Raise a ModuleNotFoundError that names the extra, unless a module is there; it is not imported.

    Args:
        module: the module, which is imported later or by another process.
        extra: the name of the extra, such as ``xlsx``.
    """
    if find_spec(module) is None:
        raise missing(module, extra)
