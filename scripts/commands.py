"""Write the list of commands in `README.md`, with their arguments and the first sentences of their help.

`tests/unit/test_documents.py` compares the list with the commands.
"""

from __future__ import annotations

from pathlib import Path

import click

from flashc.cli.main import cli

_README = Path(__file__).parent.parent / "README.md"
_BEFORE, _AFTER = "## Use it\n\n```\n", "```\n"
_LONGEST = 80  # characters of a sentence


def written(readme: str) -> str:
    """Return the text of the README with the present list of commands.

    Raises:
        ValueError: the README has no such list.
    """
    head, found, rest = readme.partition(_BEFORE)
    if not found:
        raise ValueError("README.md has no list of commands")
    return head + found + usage() + _AFTER + rest.partition(_AFTER)[2]


def usage() -> str:
    """Return one line for each command: what is typed, and what the command does."""
    context = click.Context(cli, **cli.context_settings)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    typed = {name: _typed(name, command, context) for name, command in commands.items() if command}
    width = max(map(len, typed.values()))
    return "".join(
        f"{typed[name]:{width}}  {command.get_short_help_str(_LONGEST).rstrip('.')}\n"
        for name, command in commands.items()
        if command
    )


def _typed(name: str, command: click.Command, parent: click.Context) -> str:
    """Return a command with its arguments, without its options.

    The context has the parent of a real call, because click keeps the option for help that it makes for a
    context: without the parent, the command itself would lose `-h`.
    """
    pieces = command.collect_usage_pieces(click.Context(command, parent=parent))
    return " ".join(("flashc", name, *(piece for piece in pieces if piece != "[OPTIONS]")))


if __name__ == "__main__":
    _README.write_text(written(_README.read_text(encoding="utf-8")), encoding="utf-8")
