"""Registers the resources of the packages that are installed beside this one (decision 171)."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from crm_core.errors import RegistrationError

#: The group of the entry points. Each names a function without arguments that registers resources.
GROUP: Final = "crm_core.resources"


def register_installed() -> None:
    """Call the functions that installed packages name under the entry points ``crm_core.resources``, by their names.

    The `crm` command does so at its start. A program that embeds the CRM may call it, too, or register what it needs.

    Raises RegistrationError, with the distribution of the entry point that is broken.
    """
    for entry_point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            entry_point.load()()
        except Exception as error:  # whatever code of others raises
            raise RegistrationError(entry_point.name, (_why(entry_point, error),)) from error


def _why(entry_point: EntryPoint, error: Exception) -> str:
    distribution = entry_point.dist.name if entry_point.dist else "an unknown distribution"
    reason = "; ".join(error.reasons) if isinstance(error, RegistrationError) else f"{type(error).__name__}: {error}"
    return f"the entry point {entry_point.value} of {distribution} is broken: {reason}"
