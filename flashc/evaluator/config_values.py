"""Define the values that stand for configurations of OmegaConf; each is a view of a node of a document.

A document is the plain data of a YAML file or of several merged ones.  A text in it may refer to
other nodes and to environment variables: `${model.name}`, `${oc.env:STAGE,dev}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, cast

from msgspec import Struct, field

from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text

from .values import (
    DictValue,
    Known,
    MappingObject,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    lift,
)

MISSING = "???"
_DEEPEST = 20  # references to references
_REFERENCE = re.compile(r"\$\{([^${}]*)\}")
_VARIABLE = re.compile(r"oc\.env:\s*([A-Za-z_]\w*)\s*(?:,\s*(.*?)\s*)?", re.DOTALL)
_PLAIN_DEFAULT = re.compile(r"[\w./:@+ -]*")
_STEP = re.compile(r"[^.\[\]]+")
Path = tuple[str | int, ...]


def is_scalar(value: object) -> bool:
    """Return whether a value is a number, a text that refers to nothing, or None."""
    if isinstance(value, str):
        return "${" not in value and value != MISSING
    return isinstance(value, (int, float, type(None)))


class NoNode(Exception):
    """A document has no node of this path."""


class ConfigDocument(Struct, eq=False, kw_only=True):
    """The data of a configuration; `version` counts its changes.

    `escaped` is the reason why its data are not known any more, None if they are known.  `flags`
    has the flags "readonly" and "struct" by node and name, `Unknown` if flashc does not know one.
    """

    data: Any
    origin: Span
    escaped: Unknown | None = None
    version: int = 0
    flags: dict[tuple[Path, str], bool | Unknown] = field(
        default_factory=dict[tuple[Path, str], bool | Unknown]
    )
    _lists: dict[Path, ConfigList] = field(default_factory=dict[Path, "ConfigList"])
    _made: list[ConfigList] = field(default_factory=list["ConfigList"])

    def flag(self, path: Path, name: str) -> bool | Unknown:
        """Return whether a node has a flag: its own, else that of the nearest node around it."""
        found = (self.flags.get((path[:length], name)) for length in range(len(path), -1, -1))
        return next((each for each in found if each is not None), False)

    def set_flag(self, path: Path, name: str, value: bool | Unknown | None) -> None:
        """Give a node a flag; None takes it away."""
        self.flags.pop((path, name), None)
        if value is not None:
            self.flags[path, name] = value
        self.version += 1

    def escape(self, reason: Unknown) -> None:
        """Note that the data are not known any more."""
        self.escaped = self.escaped or reason
        for each in self._made:
            each.escaped = each.escaped or reason
        self._made.clear()

    def raw(self, path: Path) -> Any:
        """Return the data of a node, in which references are texts.

        Raises:
            NoNode: there is none.
        """
        node = self.data
        for step in path:
            try:
                node = node[step]
            except (LookupError, TypeError):
                raise NoNode from None
        return node

    def value(self, path: Path, depth: int = 0) -> Value:
        """Return a node as a program sees it; raises NoNode."""
        if self.escaped is not None:
            return self.escaped
        raw = self.raw(path)
        if raw == MISSING:
            return self._unknown(f"`{_shown(path)}` of the configuration is `???`")
        if isinstance(raw, dict):
            return Known(ConfigMapping(self, path, raw), self.origin)
        if isinstance(raw, list):
            return Known(self._list(path, cast("list[object]", raw), depth), self.origin)
        if isinstance(raw, str) and "${" in raw:
            return self._resolved(raw, path, depth)
        return lift(raw, self.origin)

    def _list(self, path: Path, raw: list[object], depth: int) -> ConfigList:
        """Return a list of the document; each time the same object, if nothing has changed."""
        found = self._lists.get(path)
        if found is None:
            items = [self._item((*path, index), depth) for index in range(len(raw))]
            found = ConfigList(list, items, document=self, path=path)
            self._made.append(found)
            if not depth:
                self._lists[path] = found
        return found

    def _item(self, path: Path, depth: int) -> Value:
        """Return an element of a list."""
        return (
            self._unknown("it refers to itself")
            if depth > _DEEPEST
            else self.value(path, depth + 1)
        )

    def set(self, path: Path, data: object) -> None:
        """Replace a node, or add one to a mapping; raises NoNode."""
        node = self.raw(path[:-1])
        if not isinstance(node, dict):
            raise NoNode
        cast("dict[object, object]", node)[path[-1]] = data
        self.version += 1
        self.flags = {key: v for key, v in self.flags.items() if key[0][: len(path)] != path}
        self._forget_lists(path)

    def _forget_lists(self, path: Path) -> None:
        """Note a change of a node; the elements of lists may refer to it."""
        kept = {
            place: found
            for place, found in self._lists.items()
            if place[: len(path)] != path
            and all(isinstance(raw, (str, int, float)) for raw in self.raw(place))
            and not any(isinstance(raw, str) and "${" in raw for raw in self.raw(place))
        }
        reason = self._unknown("the configuration was changed")
        for each in self._made:
            if kept.get(each.path) is not each and each.path[: len(path)] != path:
                each.escaped = each.escaped or reason
        self._lists = kept
        self._made = list(kept.values())

    def _unknown(self, reason: str) -> Unknown:
        return Unknown(reason=reason, origin=self.origin)

    # References -------------------------------------------------------------------------------------

    def _resolved(self, text: str, path: Path, depth: int) -> Value:
        """Return the value of a text with references."""
        if depth > _DEEPEST:
            return self._unknown("it refers to itself")
        whole = _REFERENCE.fullmatch(text)
        if whole is not None:
            return self._referred(whole[1], path, depth)
        parts: list[Text | EnvironmentReference] = []
        end = 0
        for found in _REFERENCE.finditer(text):
            parts.append(Text(text[end : found.start()]))
            end = found.end()
            value = self._referred(found[1], path, depth)
            if isinstance(value, Symbolic) and not value.optional:
                parts += value.parts
            elif isinstance(value, Known) and isinstance(
                value.value, (str, int, float, type(None))
            ):
                parts.append(Text(str(value.value)))
            else:
                return value if isinstance(value, Unknown) else self._unclear(text)
        parts.append(Text(text[end:]))
        if any(
            isinstance(part, Text) and ("${" in part.text or "\\" in part.text) for part in parts
        ):
            return self._unclear(text)
        if all(isinstance(part, Text) for part in parts):
            return Known(
                "".join(part.text for part in parts if isinstance(part, Text)), self.origin
            )
        return Symbolic(_joined(parts), self.origin)

    def _unclear(self, text: str) -> Unknown:
        return self._unknown(f"flashc does not evaluate `{text[:60]}` in the configuration")

    def _referred(self, inside: str, path: Path, depth: int) -> Value:
        """Return what `${inside}` stands for in the node of `path`."""
        variable = _VARIABLE.fullmatch(inside.strip())
        if variable is not None:
            return self._of_variable(inside, variable)
        if ":" in inside:
            return self._unclear(f"${{{inside}}}")
        stripped = inside.strip()
        dots = len(stripped) - len(stripped.lstrip("."))
        steps: list[str | int] = [
            int(step) if step.isdecimal() else step for step in _STEP.findall(stripped)
        ]
        if dots > len(path):
            return self._unknown(f"`{stripped}` leaves the configuration")
        start = path[: len(path) - dots] if dots else ()
        try:
            return self.value(self._numbered((*start, *steps)), depth + 1)
        except NoNode:
            return self._unknown(f"the configuration has no `{stripped}`")

    def _numbered(self, path: Path) -> Path:
        """Return a path in which a number that is a key of a mapping is written as the mapping has it."""
        found: Path = ()
        for step in path:
            node = self.raw(found)
            if isinstance(node, dict) and step not in node and str(step) in node:
                step = str(step)
            found = (*found, step)
        return found

    def _of_variable(self, inside: str, found: re.Match[str]) -> Value:
        """Return what `${oc.env:NAME,default}` stands for."""
        default: str | None = found[2]
        if default is None:
            return Symbolic((EnvironmentReference(found[1]),), self.origin)
        if default in ("null", "None"):
            return Symbolic((EnvironmentReference(found[1]),), self.origin, optional=True)
        quoted = len(default) > 1 and default[0] in "'\"" and default[-1] == default[0]
        default = default[1:-1] if quoted else default
        if not _PLAIN_DEFAULT.fullmatch(default):
            return self._unclear(f"${{{inside}}}")
        return Symbolic((EnvironmentReference(found[1], default),), self.origin)


def _joined(parts: list[Text | EnvironmentReference]) -> tuple[Text | EnvironmentReference, ...]:
    """Return parts in which neighbouring texts are one text."""
    found: list[Text | EnvironmentReference] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Text) and isinstance(last, Text):
            found[-1] = Text(last.text + part.text)
        else:
            found.append(part)
    return tuple(part for part in found if part != Text(""))


def _shown(path: Path) -> str:
    return ".".join(map(str, path))


class ConfigMapping(MappingObject, Struct, frozen=True, eq=False):
    """A `DictConfig`: a mapping in a document; `node` are its data."""

    document: ConfigDocument
    path: Path = ()
    node: dict[object, object] | None = None

    def names(self) -> list[object]:
        """Return the keys."""
        return [] if self.node is None else list(self.node)

    @property
    def replaced(self) -> Unknown | None:
        """Why the nodes are not known: the program has replaced or removed the mapping; None if it has not."""
        try:
            if self.document.raw(self.path) is self.node:
                return None
        except NoNode:
            pass
        reason = "the program has replaced or removed this part of the configuration"
        return Unknown(reason=reason, origin=self.document.origin)

    def current(self) -> DictValue:
        """Return the nodes by their keys."""
        origin = self.document.origin
        entries: dict[object, tuple[Value, Value]] = {
            key: (Known(key, origin), self._node(key)) for key in self.names()
        }
        return DictValue(entries, self.document.escaped or self.replaced)

    def _node(self, key: object) -> Value:
        try:
            return self.document.value((*self.path, cast("str | int", key)))
        except NoNode:
            return Unknown(reason="the node was removed", origin=self.document.origin)

    def entry(self, key: object) -> Value | None:
        """Return the node of a key; None if there is none, or if it must be given."""
        if self.replaced is not None:
            return self.replaced
        try:
            raw = self.document.raw((*self.path, cast("str | int", key)))
        except NoNode:
            return None
        return None if raw == MISSING or key not in self.names() else self._node(key)

    def escape(self, reason: Unknown) -> None:
        """Note that the data are not known any more."""
        self.document.escape(reason)

    def state(self) -> object:
        """Return a value that is different after each change of the contents."""
        return self.document.version, self.document.escaped

    def parts(self) -> Iterable[Value]:
        """Return nothing: the nodes are data."""
        return ()


class ConfigList(SequenceValue, eq=False, kw_only=True):
    """A `ListConfig`: a list in a document, which is no `list`."""

    document: ConfigDocument
    path: Path = field(default=())

    @property
    def is_python(self) -> bool:
        """Whether it is a `list`."""
        return False


def merged(below: Any, above: Any) -> Any:
    """Return a mapping in which the nodes of `above` replace those of `below`; lists are not joined."""
    if above == MISSING:
        return deepcopy(below)
    if not isinstance(below, dict) or not isinstance(above, dict):
        return deepcopy(above)
    result = deepcopy(cast("dict[object, Any]", below))
    for key, item in cast("dict[object, Any]", above).items():
        result[key] = merged(result[key], item) if key in result else deepcopy(item)
    return result
