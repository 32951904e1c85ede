"""Read and write `flash.lock`: the exact packages with hashes, and what requires each.

The file is a requirements file, which pip and uv read as well.  Comments like those of `uv pip
compile` say what requires a distribution, so that sizes can be explained; the last lines list what
each endpoint needs. The lock names no index: the user who installs it says where distributions come
from (decision 9).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from flashc_core.files import LOCK_FILE
from flashc_core.graphs import path_to, reachable
from flashc_core.packaging_texts import parse_requirement
from flashc_ir.requirements import GitSource, PathSource, UrlSource, source_from_text

_FORMAT = "1"
_HEAD = f"# {LOCK_FILE}, written by `flashc lock`; do not edit."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NEXT_ENTRY = re.compile(r"\n(?=[A-Za-z0-9])")
_HASH = re.compile(r"--hash=sha(?:256|384|512):[0-9a-f]+")
_SOURCE = re.compile(r"[\w.-]+(?:\[[^\]]*\])?\s*@\s*(\S+)")
_VIA = re.compile(r"^\s*#\s*(?:via\s+)?(\S.*?)\s*$")
DIRECT = (
    "the app"  # in place of a distribution's name: an endpoint or a requirements file asks for it
)


class InvalidLock(ValueError):
    """The text is not a lock that this version of flashc reads."""


class Locked(Struct, frozen=True):
    """One distribution: its canonical name, its entry with hashes, and what requires it.

    `via` are names of distributions that require it, and `DIRECT` if the app requires it itself.
    """

    name: str
    text: str
    via: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version; "" for a requirement with a URL."""
        match = re.search(r"==\s*([^\s;\\]+)", self.text)
        return match[1] if match is not None else ""

    @property
    def source(self) -> UrlSource | PathSource | GitSource | None:
        """Where the distribution comes from; None for the package index."""
        match = _SOURCE.match(self.text)
        return source_from_text(match[1]) if match is not None else None

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes that the distribution's file may have, as `sha256:HEX`."""
        return tuple(each.removeprefix("--hash=") for each in _HASH.findall(self.text))

    def with_hashes(self, hashes: Iterable[str]) -> Locked:
        """Return the entry with other hashes."""
        return self._rewritten(self._first, hashes)

    def with_source(self, text: str) -> Locked:
        """Return the entry with `text` as the URL or path of the distribution."""
        return self._rewritten(f"{self.name} @ {text}", self.hashes)

    @property
    def _first(self) -> str:
        """The requirement, without the hashes."""
        return self.text.partition("\n")[0].removesuffix("\\").strip()

    def _rewritten(self, first: str, hashes: Iterable[str]) -> Locked:
        """Return the entry with another first line and other hashes."""
        lines = [first, *(f"    --hash={each}" for each in hashes)]
        return Locked(self.name, " \\\n".join(lines), self.via)


class Lock(Struct, frozen=True, kw_only=True):
    """The distributions that an app's requirements resolve to, sorted by name.

    `inputs` is a digest of everything that the resolver was given.  `endpoints` are pairs of a
    resource and the names of the distributions that the endpoint asks for directly; the app's own requirements
    belong to all endpoints.
    """

    inputs: str
    python_version: str
    entries: tuple[Locked, ...]
    endpoints: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def requirements(self) -> str:
        """A requirements file with hashes and nothing else; empty if the lock is empty."""
        return "".join(f"{entry.text}\n" for entry in self.entries)

    def needed_by(self, names: Iterable[str]) -> frozenset[str]:
        """Return `names` and the names of all distributions that they require, directly or not."""
        requires: dict[str, list[str]] = {}
        for entry in self.entries:
            for requirer in entry.via:
                requires.setdefault(requirer, []).append(entry.name)
        known = {entry.name for entry in self.entries}
        starts = (name for name in names if name in known)
        return frozenset(reachable(starts, lambda name: requires.get(name, ())))

    def chain(self, name: str) -> tuple[str, ...]:
        """Return the shortest chain of requirements from the app to a distribution, both included.

        The chain is empty for a distribution that is not in the lock.
        """
        via = {entry.name: entry.via for entry in self.entries}
        upwards = path_to(name, DIRECT, lambda each: via.get(each, ())) or []
        return tuple(reversed(upwards))


def parse_compiled(text: str) -> tuple[Locked, ...]:
    """Parse the output of `uv pip compile` or `pip-compile` with annotations."""
    entries: list[Locked] = []
    for block in re.split(_NEXT_ENTRY, text.strip()):
        match = _NAME.match(block)
        if match is None:
            continue
        lines = block.splitlines()
        kept = [line.rstrip() for line in lines if not line.lstrip().startswith("#")]
        kept[-1] = kept[-1].rstrip("\\ ")
        notes = [_VIA.match(line) for line in lines if line.lstrip().startswith("#")]
        via = {_requirer(note[1]) for note in notes if note is not None and note[1] != "via"}
        name = canonicalize_name(match[0])
        entries.append(Locked(name, "\n".join(kept), tuple(sorted(via))))
    return tuple(sorted(entries, key=lambda entry: entry.name))


def _check_entry(entry: Locked) -> None:
    """Check that an entry is one exact requirement with hashes, without options for an installer.

    Raises:
        InvalidLock: the entry is something else.
    """
    first, *hashes = (line.strip().removesuffix("\\").strip() for line in entry.text.splitlines())
    try:
        requirement = parse_requirement(first)
    except InvalidRequirement as error:
        raise InvalidLock(f"`{first}` is not a requirement") from error
    if requirement.url is None and [s.operator for s in requirement.specifier] != ["=="]:
        raise InvalidLock(f"`{first}` is not an exact version")
    for line in hashes:
        if not _HASH.fullmatch(line):
            raise InvalidLock(f"it contains `{line}`, which is not a hash")


def _requirer(note: str) -> str:
    """Return the canonical name in a comment of the lock; `DIRECT` if it names no distribution."""
    match = _NAME.fullmatch(note)
    return DIRECT if match is None else canonicalize_name(note)


def render(lock: Lock) -> str:
    """Return the text of `flash.lock`."""
    lines = [_HEAD, f"# format: {_FORMAT}", f"# python: {lock.python_version}"]
    lines += [f"# inputs: {lock.inputs}", ""]
    for entry in lock.entries:
        lines.append(entry.text)
        lines += ["    # via", *(f"    #   {requirer}" for requirer in entry.via)]
    for endpoint, roots in lock.endpoints:
        names = " ".join(sorted(lock.needed_by(roots))) or "nothing"
        lines += ["", f"# endpoint {endpoint} asks for: {' '.join(roots) or 'nothing'}"]
        lines.append(f"# endpoint {endpoint} needs: {names}")
    return "\n".join(lines) + "\n"


def read(text: str) -> Lock:
    """Parse the text of a `flash.lock`; the inverse of `render`.

    Raises:
        InvalidLock: the text has another format, or was not written by flashc.
    """
    facts: Mapping[str, str] = dict(
        re.findall(r"^# (format|python|inputs): (\S+)$", text, re.MULTILINE)
    )
    if facts.get("format") != _FORMAT or "inputs" not in facts or "python" not in facts:
        raise InvalidLock("it was not written by this version of flashc")
    asked = re.findall(r"^# endpoint (\S+) asks for: (.*)$", text, re.MULTILINE)
    endpoints = tuple(
        (name, () if roots == "nothing" else tuple(roots.split())) for name, roots in asked
    )
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(_NEXT_ENTRY, body.strip()):
        if block and not _NAME.match(block):
            raise InvalidLock(f"it contains `{block.splitlines()[0]}`, which is not a package")
    entries = parse_compiled(body)
    for entry in entries:
        _check_entry(entry)
    return Lock(
        inputs=facts["inputs"],
        python_version=facts["python"],
        entries=entries,
        endpoints=endpoints,
    )
