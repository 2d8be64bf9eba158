"""The variables of an environment that begin with ``CRM_``: which of them are meant as settings."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "CRM_"
_TEST_PREFIX: Final = "CRM_TEST_"

#: What Kubernetes sets in every pod for a Service whose name is ``crm`` or begins with ``crm-``:
#: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
#: It sets ``CRM_PORT``, too, which has the name of a setting and a value that no setting takes.
_SERVICE_PORT = re.compile(rf"{PREFIX}(\w+_)?PORT")
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")

#: How similar (`difflib.SequenceMatcher.ratio`) a name is to the setting that was probably meant: ``DB_URL`` and
#: ``DATABASE_URL`` are (0.67), ``BACKUP_DIR`` and ``DATA_DIR`` are not (0.56).
_MIN_SIMILARITY: Final = 0.65


def variables_of(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables that begin with ``CRM_``, without empty ones and those of tests and of Kubernetes."""
    return {
        name: text
        for name, text in environ.items()
        if name.startswith(PREFIX)
        and text.strip()
        and not name.startswith(_TEST_PREFIX)
        and not _is_service(name, text)
    }


def meant_by(name: str, known: Iterable[str]) -> str | None:
    """Return the known variable that a name was probably meant to be; None if it is near to none."""
    by_name = {variable.removeprefix(PREFIX): variable for variable in known}
    nearest = difflib.get_close_matches(name.removeprefix(PREFIX), by_name, n=1, cutoff=_MIN_SIMILARITY)
    return by_name[nearest[0]] if nearest else None


def _is_service(name: str, text: str) -> bool:
    if _SERVICE.fullmatch(name):
        return True
    return bool(_SERVICE_PORT.fullmatch(name) and _SERVICE_ADDRESS.match(text.strip()))
