"""Render what a section's snapshots show: one project, one method for each kind of block."""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.support.chapters import Block, InvalidSection, Section
from tests.support.console import Done, run_flashc, run_session
from tests.support.operated import background_platform
from tests.support.package_index import Package, package_index
from tests.support.projects import write
from tests.support.shown_text import ANYTHING, as_shown

_CHOOSES_PYTHON = re.compile(r"python_version|python-version|requires-python")


class Project:
    """The project of a section, in a folder of its own."""

    def __init__(self, section: Section, root: Path, variables: dict[str, str]) -> None:
        self.root = write(root, section.files)
        self.root.mkdir(parents=True, exist_ok=True)
        self.variables = variables
        chosen = any(_CHOOSES_PYTHON.search(text) for text in section.files.values())
        self._python = () if chosen else ("--python-version", "3.12")

    def flashc(self, command: str, *arguments: str) -> Done:
        """Run a command on the project, for Python 3.12 where the project does not choose."""
        return run_flashc(self.root, command, *self._python, *arguments, variables=self.variables)

    def found(self) -> set[tuple[str, str, int]]:
        """(code, path, line) of every finding of a check; line 0 for a finding about a whole file."""
        document = json.loads(self.flashc("check", "--format", "json").stdout)
        return {
            (item["code"], item["path"], item["start"]["line"] if item["start"] else 0)
            for item in document["diagnostics"]
        }

    def render(self, block: Block) -> str:
        """Return the text that a snapshot should have; the project's absolute path is shown as `[..]`."""
        return as_shown(self._printed(block).replace(str(self.root), ANYTHING), block.text)

    def _printed(self, block: Block) -> str:
        match block.kind:
            case "findings":
                return self.flashc("check").output
            case "ir":
                return "\n\n".join(self._ir(block.arguments)) + "\n"
            case "manifest":
                return "".join(f"{text}\n" for text in self._manifest(block.arguments))
            case "console":
                return run_session(block.text, self.root, self.variables, self._python)
            case "members":
                return "".join(f"{name}\n" for name in self._members(block.arguments))
            case "artifact":
                return self._artifact()[block.arguments[0]].decode()
            case "lock":
                return self._lock()
            case _:
                raise InvalidSection(f"there is no snapshot of the kind `{block.kind}`")

    def _ir(self, parts: tuple[str, ...]) -> Iterator[str]:
        """The printed program, or its paragraphs that `parts` names, in the order of the program.

        `endpoints` and `calls` are all of their kind; `endpoint=NAME` and `module=NAME` are a single one.
        """
        text = self._output_of("emit", "--target", "ir")
        paragraphs = text.rstrip("\n").split("\n\n")
        if not parts:
            yield from paragraphs
            return
        for part in parts:
            chosen = [each for each in paragraphs if _is_part(part, each.splitlines()[0])]
            if not chosen:
                raise InvalidSection(f"the program has no part `{part}`")
            yield from chosen

    def _manifest(self, paths: tuple[str, ...]) -> Iterator[str]:
        """The manifest, or its values at key paths such as `resources.worker.env`, as JSON."""
        document = json.loads(self._output_of("emit", "--target", "manifest"))
        for path in paths or ("",):
            value = document
            for key in filter(None, path.split(".")):
                value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
            shown = "absent" if value is _MISSING else json.dumps(value, indent=2)
            yield shown if len(paths) < 2 else f"{path}: {shown}"

    def _members(self, patterns: tuple[str, ...]) -> list[str]:
        """The names of the artifact's files; those that match a pattern if there are any."""
        return [
            name
            for name in sorted(self._artifact())
            if not patterns or any(fnmatch(name, pattern) for pattern in patterns)
        ]

    def _artifact(self) -> dict[str, bytes]:
        """Return the content of the artifact's files, by name."""
        with tempfile.TemporaryDirectory() as folder:
            self._output_of("build", "--output", folder)
            with tarfile.open(Path(folder, "artifact.tar.gz")) as archive:
                files = ((member, archive.extractfile(member)) for member in archive)
                return {
                    member.name.removeprefix("./"): stream.read()
                    for member, stream in files
                    if stream is not None
                }

    def _lock(self) -> str:
        """What `flashc lock` writes."""
        self._output_of("lock")
        return (self.root / "flash.lock").read_text(encoding="utf-8")

    def _output_of(self, command: str, *arguments: str) -> str:
        done = self.flashc(command, *arguments)
        if done.code != 0:
            raise InvalidSection(f"`flashc {command}` fails:\n{done.output}")
        return done.stdout


_MISSING: Any = object()


def _is_part(part: str, head: str) -> bool:
    """Return whether a part's name means the paragraph of the printed program that starts with `head`."""
    kind, _, name = part.partition("=")
    match kind:
        case "endpoint":
            return bool(re.match(rf'.*\bendpoint "{re.escape(name)}" ', head))
        case "endpoints":
            return bool(re.match(r"(\S+ )*endpoint ", head))
        case "module":
            return head.startswith(f"module {name} ")
        case "calls":
            return head.startswith(("call ", "reference "))
        case _:
            raise InvalidSection(f"a program has no part of the kind `{kind}`")


@contextmanager
def project_of(section: Section, folder: Path) -> Iterator[Project]:
    """The project of a section; its packages come from the section's index, its platform is the section's own."""
    with ExitStack() as stack:
        variables: dict[str, str] = {}
        if section.index is not None:
            packages = map(Package.parse, section.index.splitlines())
            address, _ = stack.enter_context(package_index({}, packages))
            variables |= {
                "UV_DEFAULT_INDEX": address,
                "UV_CACHE_DIR": str(folder / "uv"),
                "FLASHC_CACHE_DIR": str(folder / "cache"),
            }
        if section.has_platform:
            variables |= stack.enter_context(background_platform(folder))
        yield Project(section, folder / "app", variables)


def difference(section: Section, rendered: dict[Block, str]) -> str:
    """A unified diff of the section's snapshots that are not what flashc prints; empty if all are."""
    parts: list[str] = []
    for block, text in rendered.items():
        kind = " ".join([block.kind, *block.arguments])
        old, new = block.text.splitlines(keepends=True), text.splitlines(keepends=True)
        parts += unified_diff(old, new, f"{section.path.name}: {kind}", "what flashc prints")
    return "".join(parts)
