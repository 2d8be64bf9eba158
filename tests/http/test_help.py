"""Facts about every command there is: its help, its examples, and what a wrong use comes to."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from crm_http.cli import main


def commands_of(group: click.Group) -> Mapping[str, click.Command]:
    context = click.Context(group)
    return {name: command for name in group.list_commands(context) if (command := group.get_command(context, name))}


def walked(command: click.Command, *names: str) -> Iterator[tuple[str, ...]]:
    yield names
    if isinstance(command, click.Group):
        for name, each in commands_of(command).items():
            yield from walked(each, *names, name)


COMMANDS = list(walked(main.crm))


class Asked:
    """What the command line does in this process, which finds wrong uses before it looks for a database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data_dir: Path) -> None:
        self._patch, self._output, self._data_dir = monkeypatch, capsys, data_dir

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["crm", *words])
        self._patch.setattr(os, "environ", {"CRM_DATA_DIR": str(self._data_dir), "PATH": os.defpath})
        code = main.main()
        assert not self._data_dir.exists()
        return code, *self._output.readouterr()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Asked:
    return Asked(monkeypatch, capsys, tmp_path / "none")


def examples_of(text: str) -> list[str]:
    return [line.strip() for line in text.partition("Examples:\n")[2].splitlines()]


def is_taken(line: str) -> bool:
    """Whether an example can be read as click reads it, without running it."""
    words = shlex.split(
        line.partition("<")[0].partition(">")[0].partition("|")[0].removeprefix('eval "$('), comments=True
    )
    assert words.pop(0) == "crm"
    command: click.Command = main.crm
    parent = click.Context(command)
    while isinstance(command, click.Group):
        command = commands_of(command)[words.pop(0)]
        parent = click.Context(command, parent=parent)
    command.make_context(str(command.name), words, parent=parent)
    return True


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_ends_with_examples_of_it_that_it_takes(ask: Asked, names: tuple[str, ...]) -> None:
    code, out, err = ask(*names, "--help")

    assert (code, err) == (0, "")
    assert examples_of(out)
    for line in examples_of(out):
        assert f"crm {' '.join(names)}".strip() in line
        assert is_taken(line.replace(')"', ""))


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_a_wrong_use_of_every_command_is_one_line_and_exit_code_2(ask: Asked, names: tuple[str, ...]) -> None:
    code, out, err = ask(*names, "--no-such-option")

    assert (code, out) == (2, "")
    assert err.startswith("crm: ")
    assert err.count("\n") == 1
    assert f"See `crm{''.join(f' {name}' for name in names)} --help`." in err


def test_the_list_of_commands_says_of_each_what_its_own_help_begins_with() -> None:
    told = {name: row.says for name, row in main.COMMANDS.items()}

    assert told == {name: each.get_short_help_str(1_000) for name, each in commands_of(main.crm).items()}


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_to_show_the_version_or_the_help_little_is_imported(word: str) -> None:
    code = f"import sys; sys.argv = ['crm', {word!r}]; from crm_http.__main__ import main; main(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"crm_core", "crm_adapters", "litestar", "psycopg", "rich", "httpx", "attrs"} & set(done.stdout.split())


def test_the_version_is_told(ask: Asked) -> None:
    assert ask("--version") == (0, "crm 0.1.0\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_a_script_that_asks_for_what_fits(ask: Asked, shell: str) -> None:
    code, out, _ = ask("completion", shell)

    assert code == 0
    assert f"_CRM_COMPLETE={shell}_complete" in out


def test_what_was_begun_is_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, text in {"_CRM_COMPLETE": "bash_complete", "COMP_WORDS": "crm us", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main.main()

    assert (ended.value.code, capsys.readouterr().out) == (0, "plain,user\n")
