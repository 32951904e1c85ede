"""Read the faults of a file or of a request, and report mistakes in them with their position."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, cast, get_args

import msgspec
from msgspec import Struct

from flashc_core.documents import UnreadableDocument, parse_toml

from .account_limits import AccountLimits
from .faults import Fault, Faults, Network

_KINDS: dict[str, type[Struct]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Fault)
}
_HEADER = re.compile(r"^\s*\[\[\s*[\"']?fault[\"']?\s*\]\]")
_KEY = re.compile(r" - at `\$(?:\.limits(?=\.))?(?:\.(\w+))?")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_POSITION = re.compile(r"\(?at line (\d+), column (\d+)\)?")


class Problem(Struct, frozen=True, kw_only=True):
    """A mistake: what is wrong, how to correct it (`help`), and its position.

    `fault` is the number of the fault, from 1; 0 if the mistake is in no fault.  `key` is the key of the fault that is
    wrong or missing; "" if the mistake is the fault itself.  `line` and `column` are the position in a file: `line` is
    0 if the mistake is the whole file, and `column` is 0 if the line does not have the key.
    """

    message: str
    fault: int = 0
    key: str = ""
    line: int = 0
    column: int = 1
    help: str


class WrongFaults(Exception):
    """The faults have mistakes; `problems` lists them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.message}: {problem.help}" for problem in problems))
        self.problems = problems


def faults_of(document: object, text: str = "") -> Faults:
    """Return the faults that a document describes; `text` is the TOML text of the document, if it has one.

    Raises:
        WrongFaults: the document has mistakes; of each table, only the first mistake is listed.
    """
    if not isinstance(document, Mapping):
        raise WrongFaults([Problem(message="this is not a table", help="write `[[fault]]`")])
    table = cast("Mapping[str, Any]", document)
    listed: Any = table.get("fault", [])
    problems: list[Problem] = []
    head = Faults()
    try:
        head = msgspec.convert({**table, "fault": ()}, Faults)
    except (msgspec.ValidationError, UnicodeError) as error:
        problems.append(_problem_of_field(str(error), _names_at(str(error)), text, 0))
    if not isinstance(listed, list):
        problems.append(
            _problem("`fault` is not a list", "fault", "begin each fault with `[[fault]]`", text, 0)
        )
        raise WrongFaults(problems)
    found: list[Fault] = []
    for number, item in enumerate(listed, start=1):
        try:
            found.append(msgspec.convert(item, Fault))
        except (msgspec.ValidationError, UnicodeError) as error:
            problems.append(_problem_of_fault(item, str(error), text, number))
    if problems:
        raise WrongFaults(problems)
    return msgspec.structs.replace(head, fault=tuple(found))


def read_faults(text: str) -> Faults:
    """Return the faults that a TOML text describes.

    Raises:
        WrongFaults: the text has mistakes.
    """
    try:
        document = parse_toml(text)
    except UnreadableDocument as error:
        line, column = (error.line, error.column) if error.line else (0, 1)
        message = _POSITION.sub("", str(error)).strip()
        raise WrongFaults(
            [
                Problem(
                    message=f"this is not TOML: {message}",
                    line=line,
                    column=column,
                    help="correct the syntax",
                )
            ]
        ) from None
    return faults_of(document, text)


def unknown_endpoints(faults: Faults, names: Collection[str], text: str) -> list[Problem]:
    """Return a problem for each endpoint or caller in `faults` that is not in `names`; `text` is the TOML text."""
    problems: list[Problem] = []
    for number, fault in enumerate(faults.fault, start=1):
        caller = fault.caller if isinstance(fault, Network) else None
        for key, name in (("endpoint", fault.endpoint), ("caller", caller)):
            if name is None or name in names:
                continue
            close = difflib.get_close_matches(name, names, n=1)
            known = f"the endpoints are {', '.join(sorted(names))}"
            cure = f"did you mean `{close[0]}`?" if close else known
            problems.append(_problem(f"there is no endpoint `{name}`", key, cure, text, number))
    return problems


def _problem_of_fault(item: object, message: str, text: str, number: int) -> Problem:
    """Return the problem of the fault with this number; `message` is the message of msgspec."""
    kinds = ", ".join(f'"{kind}"' for kind in _KINDS)
    if not isinstance(item, Mapping):
        cure = f"write a table whose `kind` is one of {kinds}"
        return _problem(f"fault {number} is not a table", "", cure, text, number)
    given: Any = cast("Mapping[str, Any]", item).get("kind")
    if given is None:
        return _problem(f"fault {number} has no `kind`", "", f"choose one of {kinds}", text, number)
    if not isinstance(given, str) or given not in _KINDS:
        close = difflib.get_close_matches(str(given), _KINDS, n=1)
        cure = f'did you mean "{close[0]}"?' if close else f"choose one of {kinds}"
        return _problem(f"there is no fault of the kind {given!r}", "kind", cure, text, number)
    names = ("kind", *(field.name for field in msgspec.structs.fields(_KINDS[given])))
    return _problem_of_field(message, names, text, number)


def _names_at(message: str) -> tuple[str, ...]:
    """Return the keys of the table in which a message of msgspec has found a mistake."""
    if "$.limits" in message:
        return tuple(field.name for field in msgspec.structs.fields(AccountLimits))
    return ("seed", "limits", "fault")


def _problem_of_field(message: str, names: tuple[str, ...], text: str, number: int) -> Problem:
    """Return the problem that a message of msgspec describes; `names` are the keys that are allowed."""
    unknown = _UNKNOWN.search(message)
    if unknown is not None:
        close = difflib.get_close_matches(unknown[1], names, n=1)
        cure = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(names)}"
        return _problem(f"there is no key `{unknown[1]}` here", unknown[1], cure, text, number)
    found = _KEY.search(message)
    key = (found[1] or "") if found is not None else ""
    plain = message.partition(" - at `$")[0]
    plain = plain[:1].lower() + plain[1:]
    if not key:
        missing = _MISSING.search(message)
        if missing is not None:
            plain = f"this fault has no key `{missing[1]}`"
            return _problem(plain, missing[1], "add the key to the fault", text, number)
        return _problem(plain, "", "correct the fault", text, number)
    return _problem(f"`{key}`: {plain}", key, "correct the value", text, number)


def _problem(message: str, key: str, cure: str, text: str, number: int) -> Problem:
    """Return a problem at the key of a fault, or at the fault itself if no line begins with the key."""
    line, column = _position(text, key, number)
    return Problem(message=message, fault=number, key=key, line=line, column=column, help=cure)


def _position(text: str, key: str, number: int) -> tuple[int, int]:
    """Return the line and the column of a key in the fault with this number.

    If the fault has no such key, the result is the fault's line and 0; if there is no such fault, (0, 0).
    """
    faults, begins = 0, 0
    for count, line in enumerate(text.splitlines(), start=1):
        if _HEADER.match(line):
            faults += 1
            begins = count if faults == number else begins
        name = line.partition("=")[0].strip().strip("\"'")
        if faults == number and key and name == key:
            return count, len(line) - len(line.lstrip()) + 1
    return begins, 0
