"""The errors that end a command with one line, and its exit codes. It imports nothing, as `crm --help` needs little."""

from typing import Final

#: Exit codes: the command failed, or was used in a wrong way.
FAILED: Final = 1
WRONG_USE: Final = 2


class CommandError(Exception):
    """A command cannot do its work; one line that says why and what to do.

    Attributes:
        exit_code: the exit code of the command.
    """

    exit_code = FAILED
