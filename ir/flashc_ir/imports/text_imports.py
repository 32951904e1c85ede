"""Find the modules that a text may import, without parsing the text.

This is many times faster than a parser, and enough to decide which modules have to be parsed.
"""

from __future__ import annotations

import re
from functools import partial
from unicodedata import normalize

from .resolve import IMPORT_FUNCTIONS, START_FUNCTIONS, resolve_relative

# The keyword, or the end of `__import__` or of `import_module`.  Without `\b` before it, the search is
# many times faster.
_IMPORT = re.compile(r"import(?:\b|(__)|(_module))")
_NAMES = re.compile(
    r"\s*\((?:[\w\s,*]|#[^\n]*)*|[^\n;]*"
)  # in brackets, comments may stand between
_LONGEST = 5_000  # characters of the names after one `import`; it bounds the time for odd texts
_TOKEN = re.compile(r"\w+|\.")
_WORD = re.compile(r"\w+")
_LAST_PARTS = frozenset(function.rpartition(".")[2] for function in IMPORT_FUNCTIONS)
_START_MODULES = sorted({function.partition(".")[0] for function in START_FUNCTIONS})
_MAY_START = re.compile(rf"\b(?:{'|'.join(_START_MODULES)})\b|\*")
_START_WORDS = ("subprocess", "os.system", "os.popen")
_DOTTED = re.compile(r"\w+(?:\s*\.\s*\w+)*")


def has_dynamic_imports(text: str) -> bool:
    """Return whether a text has the name of a function that imports or starts a module by a string."""
    if any(function in text for function in _LAST_PARTS):
        return True
    return _starts_modules(text)


def _starts_modules(text: str) -> bool:
    """Return whether a text has the name of a function that starts a process."""
    is_possible = any(word in text for word in _START_WORDS)  # this is faster for most texts
    return is_possible and any(function in text for function in START_FUNCTIONS)


def possible_imports(text: str, package: str) -> dict[str, set[str]] | None:
    """Return the modules that a text may import, by their dotted names, and perhaps some others.

    For each module, the result has the names that are imported from it; `*` stands for all names, and
    for the module itself.  A name after `from a import` may be a name of `a` and the module `a.name`.
    `package` is the one from which relative imports start.  The result is None if the text may import
    by strings, or is unusual.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\\" in text:
        text = text.replace("\\\n", " ")
    spelled = str if text.isascii() else partial(normalize, "NFKC")  # as Python spells names
    found: dict[str, set[str]] = {}
    # Only a text that imports `os` and the like, or names that it does not spell, can start a process.
    may_start = False
    end = 0
    for match in _IMPORT.finditer(text):
        if match[1] or match[2]:
            if match[2] or text.endswith("__", 0, match.start()):
                return None
            continue
        before = text[match.start() - 1 : match.start()]
        if before.isalnum() or before == "_":
            continue  # the end of a longer name
        names = _NAMES.match(text, match.end(), match.end() + _LONGEST)
        if names is None or names.end() - match.end() == _LONGEST:
            return None
        start = max(text.rfind("\n", end, match.start()) + 1, end)
        end = match.end()
        tokens = _TOKEN.findall(spelled(text[start : match.start()]))
        imported = spelled(names[0])
        may_start = may_start or _MAY_START.search(imported) is not None
        if "from" not in tokens:
            for name in _DOTTED.findall(imported):
                parts = "".join(name.split()).split(".")
                for length in range(1, len(parts) + 1):  # `import a.b` binds `a`
                    found.setdefault(".".join(parts[:length]), set()).add("*")
            continue
        module = "".join(tokens[len(tokens) - tokens[::-1].index("from") :])
        level = len(module) - len(module.lstrip("."))
        base = resolve_relative(package, level, module[level:]) if level else module
        if base is not None:
            words = _WORD.findall(imported)
            found.setdefault(base, set()).update(words, ["*"] if "*" in imported else ())
            for name in words:
                found.setdefault(f"{base}.{name}" if base else name, set()).add("*")
    return None if may_start and _starts_modules(text) else found
