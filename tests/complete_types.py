"""Have pyright look for public names without a type: ``python -m tests.complete_types``, which ``make check`` runs.

What lacks a type in a library, each type checker of its users infers in its own way, or not at all.
"""

import os
import pathlib
import re
import subprocess
import sys
from typing import Final

_PACKAGES: Final = ("crm_core", "crm_adapters", "crm_http")
_COMPLETE: Final = "Type completeness score: 100%"
#: What is said of one name: where it is, what is wrong, and with what.
_ERROR: Final = re.compile(r"^.* - error: .*\n(?:    .*\n)*|^ *error: .*\n", re.MULTILINE)


def _begun(package: str) -> "subprocess.Popen[str]":
    programs = pathlib.Path(sys.prefix) / "bin"
    # It looks for the package where the first `python` on the path does, whatever `--pythonpath` says.
    found = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = [str(programs / "basedpyright"), "--ignoreexternal", "--verifytypes", package]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=found)


def main() -> int:
    """Return 0 if every public name has a type, or 1."""
    incomplete = 0
    for package, report in [(package, _begun(package)) for package in _PACKAGES]:
        text, _ = report.communicate()
        if _COMPLETE not in text:
            incomplete = 1
            print(f"{package}:", *(_ERROR.findall(text) or [text]), sep="\n")
    return incomplete


if __name__ == "__main__":
    sys.exit(main())
