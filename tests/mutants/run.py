"""Change the pure rules in many small ways, and see whether the core's tests notice: ``make mutants``.

mutmut makes the mutants and runs the tests of each; this says which survived without a reason in ``equivalent.toml``.
"""

import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence

import attrs

#: At least this share must be killed, in percent.
MIN_KILLED = 90
EQUIVALENT = pathlib.Path(__file__).with_name("equivalent.toml")
_RESULT = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$", re.MULTILINE)
#: What counts as noticed: a failing test, or one that never ends.
_KILLED = frozenset({"killed", "timeout", "caught by type check"})

#: The state of a mutant that the patterns on the command line leave out.
_LEFT_OUT = "not checked"


@attrs.frozen
class Reason:
    """Why a mutant may survive.

    Attributes:
        function: the end of the function's dotted name.
        line: a part of the line that the mutant has instead.
        why: the reason.
    """

    function: str
    line: str
    why: str


@attrs.frozen
class Mutant:
    """A mutant that survived.

    Attributes:
        name: mutmut's, for ``mutmut show``.
        line: what it has instead, without the blanks around it.
    """

    name: str
    line: str

    @property
    def function(self) -> str:
        """Return the dotted name of the function, as the source has it."""
        return re.sub(r"\.x_|\.xǁ|ǁ", ".", self.name).partition("__mutmut_")[0]

    def has(self, reason: Reason) -> bool:
        """Return whether this is the mutant that a reason is about."""
        return self.function.endswith(reason.function) and reason.line in self.line


def read_reasons() -> list[Reason]:
    """Return the reasons of ``equivalent.toml``."""
    return [Reason(**row) for row in tomllib.loads(EQUIVALENT.read_text("utf-8"))["mutant"]]


def mutmut(*words: str) -> str:
    """Return what a command of mutmut says."""
    return subprocess.run([sys.executable, "-m", "mutmut", *words], stdout=-1, text=True, check=True).stdout


def survivors(names: Sequence[str]) -> Iterator[Mutant]:
    """Yield the mutants of these names with the lines that they have instead."""
    for name in names:
        lines = [line[1:] for line in mutmut("show", name).splitlines() if re.match(r"\+(?!\+\+)", line)]
        yield Mutant(name, " ".join(map(str.strip, lines)))


def main() -> int:
    """Run, report, and return the exit status: 1 for a survivor without a reason or too few that were killed."""
    subprocess.run([sys.executable, "-m", "mutmut", "run", *sys.argv[1:]], check=True)
    results = {name: state for name, state in _RESULT.findall(mutmut("results", "--all", "true")) if state != _LEFT_OUT}
    killed = sum(state in _KILLED for state in results.values())
    alive = list(survivors([name for name, state in results.items() if state not in _KILLED]))
    reasons = read_reasons()
    unexplained = [mutant for mutant in alive if not any(map(mutant.has, reasons))]
    stale = [reason for reason in reasons if not any(mutant.has(reason) for mutant in alive)]

    for mutant in unexplained:
        print(f"survived: {mutant.name} ({results[mutant.name]})\n    {mutant.line}")
    for reason in () if sys.argv[1:] else stale:  # patterns leave survivors out
        print(f"no such survivor any more: {reason.function}: {reason.line}")
    share = 100 * killed / len(results)
    print(f"{len(results)} mutants: {killed} killed ({share:.1f} %),", end=" ")
    print(f"{len(alive) - len(unexplained)} equivalent, {len(unexplained)} survived")
    return int(bool(unexplained) or share < MIN_KILLED)


if __name__ == "__main__":
    sys.exit(main())
