"""Find the files that a list of requirements in pip's format includes, without parsing the list."""

from __future__ import annotations

import re
import shlex
from codecs import BOM_UTF16_BE, BOM_UTF16_LE

_COMMENT_LINE = re.compile(r"^[^\S\n]*#.*", re.MULTILINE)
_COMMENT = re.compile(r"(?<!\S)#.*")
_CONTINUED = re.compile(r"\\\r?\n")
_OPTION = re.compile(
    r"(?<!\S)(?:-r|-c|--requirement|--constraint)[\s=]*"
    r"""((?:"[^"\n]*"|'[^'\n]*'|\\.|[^\s"'\\])+)"""
)


def includes_in(data: bytes) -> list[str]:
    """Return the paths that the options `-r` and `-c` of a list name, relative to its folder.

    An option may continue on the next line, stand behind others, and have quotes around its path.
    The result may have more paths than pip includes, such as those of lines that pip refuses, but none
    is missing.
    """
    is_wide = data.startswith((BOM_UTF16_BE, BOM_UTF16_LE))
    text = data.decode("utf-16" if is_wide else "utf-8-sig", "replace")
    lines = _CONTINUED.sub("", _COMMENT_LINE.sub("", text))  # a line with a comment ends others
    return [_unquoted(path) for path in _OPTION.findall(_COMMENT.sub("", lines))]


def _unquoted(path: str) -> str:
    """Return a path without the quotes and backslashes of a shell."""
    if not {*path} & {*"\"'\\"}:
        return path
    try:
        return "".join(shlex.split(path))
    except ValueError:
        return path
