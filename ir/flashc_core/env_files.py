"""Parse `.env` files, the files of environment variables that python-dotenv defines."""

from __future__ import annotations

import io
import re
from typing import NamedTuple

# The SDK imports this module in the user's process, so it imports little.

_NEWLINE = re.compile(r"\r\n|\n|\r")


class EnvFile(NamedTuple):
    """The variables that a file sets, and the numbers of the lines at which it can't be parsed."""

    variables: dict[str, str]
    wrong_lines: tuple[int, ...]


def parse_env_file(text: str) -> EnvFile:
    """Return what python-dotenv reads from the text of a file.

    python-dotenv passes over what it can't parse, and logs this where no logging is set up, so it
    only gets the statements that it can parse.
    """
    from dotenv import dotenv_values  # only for projects that have such a file
    from dotenv.parser import parse_stream

    statements = list(parse_stream(io.StringIO(text)))
    valid = "".join(each.original.string for each in statements if not each.error)
    return EnvFile(
        {k: v for k, v in dotenv_values(stream=io.StringIO(valid)).items() if v is not None},
        tuple(
            each.original.line + _empty_lines(each.original.string)
            for each in statements
            if each.error
        ),
    )


def _empty_lines(statement: str) -> int:
    """Return how many empty lines a statement begins with: the parser takes them as a part of it."""
    return len(_NEWLINE.findall(statement[: len(statement) - len(statement.lstrip())]))
