"""The fenced blocks of the documentation, and a shell that runs a console block as somebody who pastes it would."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

ROOT: Final = pathlib.Path(__file__).parents[1]
_ENDED: Final = "-- the command has ended --"


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


class Step(NamedTuple):
    """A command of a console block, and what it is said to print; ``…`` stands for anything."""

    command: str
    printed: str

    def is_printed_by(self, output: str) -> bool:
        wanted = ".*".join(map(re.escape, self.printed.split("…")))
        return re.fullmatch(wanted, output.strip()) is not None


def blocks(path: str) -> Mapping[str, Block]:
    """The blocks of a page by the heading they are under and their number there, such as ``Images 2``."""
    found: dict[str, Block] = {}
    parts = re.split(r"^## (.*)\n", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE)
    for heading, text in zip(["", *parts[1::2]], parts[::2], strict=True):
        fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        found |= {f"{heading} {number}": Block(*each) for number, each in enumerate(fences, 1)}
    return found


def steps(console: str) -> Iterator[Step]:
    """The commands of a console block, in their order."""
    lines = deque(console.splitlines())
    while lines:
        command = lines.popleft().removeprefix("$ ")
        while not _is_whole(command):
            command += f"\n{lines.popleft()}"
        printed = []
        while lines and not lines[0].startswith("$ "):
            printed.append(lines.popleft())
        yield Step(command, "\n".join(printed))


def _is_whole(command: str) -> bool:
    # Bash complains of an open quote, and warns of a document that has not ended.
    asked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
    return asked.returncode == 0 and not asked.stderr


class Shell:
    """A Bash that commands are pasted into."""

    def __init__(self, cwd: pathlib.Path, environment: Mapping[str, str]) -> None:
        self._errors = cwd / "stderr"
        with self._errors.open("w") as errors:
            self._bash = subprocess.Popen(
                ["bash", "-o", "pipefail"],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def paste(self, command: str) -> str:
        """What a command prints; it must succeed."""
        assert self._bash.stdin and self._bash.stdout  # noqa: PT018  # they are pipes
        self._bash.stdin.write(f"{command}\nprintf '\\n%s %s\\n' '{_ENDED}' $?\n")
        self._bash.stdin.flush()
        output = ""
        for line in self._bash.stdout:
            if line.startswith(_ENDED):
                assert line == f"{_ENDED} 0\n", f"{command}\n{output}{self._errors.read_text()}"
                return output
            output += line
        raise AssertionError(f"{command}\nended the shell: {self._errors.read_text()}")

    def follow(self, console: str) -> None:
        """Paste a whole block, each command of which prints what the block says."""
        for step in steps(console):
            output = self.paste(step.command)
            assert not step.printed or step.is_printed_by(output), f"{step}\n{output}"

    def end(self, by: signal.Signals) -> None:
        """End it and all that was started in it, and wait for that."""
        for signal_ in (by, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self._bash.pid, signal_)
                self._bash.communicate(timeout=20)
                return
