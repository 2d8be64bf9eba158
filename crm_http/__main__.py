"""The entry point of the `crm` command; it reports which packages to install if some are missing."""

import sys
from typing import Final

_PACKAGES: Final = ("crm_core", "crm_adapters", "crm_http")


def main() -> int:
    """Run the command of this process; return the exit code."""
    try:
        from crm_http.cli import main  # noqa: PLC0415  # it imports packages that may be missing, and so do commands

        return main.main()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in _PACKAGES:
            raise
        needed = "pip install 'crm-core[embedded,http,postgres,webhooks]' brings what this command needs."
        names_extra = error.msg.endswith("brings it.")  # as ``crm_core.extras`` does
        sys.stderr.write(f"crm: {error.msg if names_extra else f'{error.name} is missing: {needed}'}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
