"""Run the commands of a console session: in a project's folder, inside this process, or with a function of the caller.

In this process, `flashc` is the real command line.  `cat`, `ls`, `rm`, `mv` and `echo` do the little that sessions need of them.
A command may start with variables (`NAME=value flashc ...`), and may end with `2>/dev/null`, `>/dev/null` or,
for `echo`, `> FILE` and `>> FILE`.  A command that fails is followed by `$ echo $?`, which shows its exit code.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from click.testing import CliRunner

from flashc.cli.main import cli

_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_ASK_CODE = "$ echo $?"
_COMPILING = ("check", "build", "emit", "lock", "size", "plan", "deploy", "diff")


@dataclass(frozen=True)
class Done:
    """What a command printed and its exit code; `output` is both streams as a terminal shows them."""

    stdout: str
    stderr: str
    output: str
    code: int


def run_flashc(folder: Path, *arguments: str, variables: dict[str, str] | None = None) -> Done:
    """Run `flashc` with `folder` as the working directory."""
    old = Path.cwd()
    os.chdir(folder)
    try:
        result = CliRunner().invoke(cli, list(arguments), prog_name="flashc", env=variables)
    finally:
        os.chdir(old)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.stdout, result.stderr, result.output, result.exit_code)


def run_session(
    text: str, folder: Path, variables: dict[str, str], options: tuple[str, ...] = ()
) -> str:
    """Run the `$` lines of a session in this process; return the session as it should be written.

    `options` are passed to every command that compiles.
    """
    return shown_session(text, partial(_run, folder=folder, variables=variables, options=options))


def shown_session(text: str, run: Callable[[str], tuple[str, int]]) -> str:
    """Run the `$` lines of a session with a function; return the session as it should be written.

    The function returns what a terminal shows for a command, and its exit code.
    """
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    shown: list[str] = []
    for command in commands:
        if f"$ {command}" == _ASK_CODE:
            continue
        output, code = run(command)
        shown.append(f"$ {command}")
        shown += output.splitlines()
        if code != 0:
            shown += [_ASK_CODE, str(code)]
    return "".join(f"{line}\n" for line in shown)


def _run(
    command: str, folder: Path, variables: dict[str, str], options: tuple[str, ...]
) -> tuple[str, int]:
    """(what a terminal would show, exit code)."""
    words = shlex.split(command)
    given = dict(variables)
    while words and (match := _VARIABLE.fullmatch(words[0])):
        given[match[1]] = match[2]
        words.pop(0)
    program, *arguments = words
    if program == "flashc":
        streams = [word for word in arguments if word in (">/dev/null", "2>/dev/null")]
        arguments = [word for word in arguments if word not in streams]
        compiles = arguments[:1] and arguments[0] in _COMPILING and "--help" not in arguments
        done = run_flashc(folder, *arguments, *(options if compiles else ()), variables=given)
        output = done.output
        if streams:
            output = done.stdout if streams == ["2>/dev/null"] else done.stderr
        return output, done.code
    return _builtin(program, arguments, folder), 0


def _builtin(program: str, arguments: list[str], folder: Path) -> str:
    match program, arguments:
        case "cat", [name]:
            return (folder / name).read_text(encoding="utf-8")
        case "ls", [name]:
            return "".join(f"{path.name}\n" for path in sorted((folder / name).iterdir()))
        case "rm", [name]:
            (folder / name).unlink()
            return ""
        case "mv", [name, target]:
            (folder / name).replace(folder / target)
            return ""
        case "echo", [text, (">" | ">>") as sign, name]:
            with (folder / name).open("w" if sign == ">" else "a", encoding="utf-8") as stream:
                stream.write(f"{text}\n")
            return ""
        case _:
            raise ValueError(f"a session can't run `{program} {' '.join(arguments)}`")
