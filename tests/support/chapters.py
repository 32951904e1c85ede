"""Read the sections of a chapter: the files of a small project, and blocks that say what flashc makes of it.

A section starts with a heading of level two.  A name in backticks, an empty line and a fenced block make a
file of the project.  A fenced block whose info string starts with a word of `SNAPSHOTS` is a snapshot: its
text is exactly what flashc prints for the project.  An `index` block lists the packages of an index that
the section's commands see in place of the public one.  An empty `platform` block stands for a platform without
apps, to which the section's commands deploy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SNAPSHOTS = ("findings", "ir", "manifest", "console", "members", "artifact", "lock")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_FENCE = re.compile(
    r"^(?:`(?P<file>[^`\n]+)`\n\n)?```(?P<info>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"# (?:error|warning): \[(FC\d{3})\]")


class InvalidSection(Exception):
    """A section is not written as the module's docstring says."""


@dataclass(frozen=True)
class Block:
    """A snapshot.

    `arguments` are the words after its kind; `start` and `end` enclose its text in the text of the section.
    """

    kind: str
    arguments: tuple[str, ...]
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class File:
    """A file of the project, with its path in the project's folder."""

    path: str
    text: str


@dataclass(frozen=True)
class Section:
    """One section of the file `path`, which is the test's unit; `steps` are its files and snapshots in order."""

    path: Path
    title: str
    steps: tuple[File | Block, ...]
    index: str | None
    has_platform: bool

    @property
    def name(self) -> str:
        return f"{self.path.stem}: {self.title}"

    @property
    def files(self) -> dict[str, str]:
        """The texts of the files by their paths."""
        return {step.path: step.text for step in self.steps if isinstance(step, File)}

    @property
    def snapshots(self) -> tuple[Block, ...]:
        """The snapshots in order."""
        return tuple(step for step in self.steps if isinstance(step, Block))

    def announced(self) -> set[tuple[str, str, int]]:
        """(code, path, line) of every finding that a comment in the section's files announces."""
        return {
            (match[1], path, number)
            for path, text in self.files.items()
            for number, line in enumerate(text.splitlines(), start=1)
            for match in _MARK.finditer(line)
        }


def read_sections(path: Path) -> list[Section]:
    """Return the sections of a chapter, in order.

    Raises:
        InvalidSection: two sections have one title, or a block can't be understood.
    """
    sections = [
        _section(path, title, body) for title, body, _ in _bodies(path.read_text(encoding="utf-8"))
    ]
    if len({section.title for section in sections}) != len(sections):
        raise InvalidSection(f"{path.name}: two sections have one title")
    return sections


def rewrite_snapshots(section: Section, render: Callable[[Block], str]) -> None:
    """Replace the text of each snapshot of one section in its file; everything else stays byte for byte."""
    whole = section.path.read_text(encoding="utf-8")
    (offset,) = [start for title, _, start in _bodies(whole) if title == section.title]
    for block in reversed(section.snapshots):
        whole = whole[: offset + block.start] + render(block) + whole[offset + block.end :]
    section.path.write_text(whole, encoding="utf-8", newline="")


def _bodies(text: str) -> list[tuple[str, str, int]]:
    """(title, body, offset of the body) of every section."""
    headings = [match for match in _HEADING.finditer(text) if not _is_fenced(text, match.start())]
    ends = [match.start() for match in headings[1:]] + [len(text)]
    return [
        (match[1], text[match.end() : end], match.end())
        for match, end in zip(headings, ends, strict=True)
    ]


def _is_fenced(text: str, position: int) -> bool:
    """Return whether a position lies inside a fenced block, where `##` is a comment."""
    return any(m.start() < position < m.end() for m in _FENCE.finditer(text))


def _section(path: Path, title: str, body: str) -> Section:
    steps: list[File | Block] = []
    index: str | None = None
    has_platform = False
    for match in _FENCE.finditer(body):
        words = match["info"].split()
        if match["file"] is not None:
            steps.append(File(match["file"], match["text"]))
        elif words[:1] == ["index"]:
            index = match["text"]
        elif words == ["platform"]:
            has_platform = True
        elif words and words[0] in SNAPSHOTS:
            steps.append(Block(words[0], tuple(words[1:]), match["text"], *match.span("text")))
        else:
            raise InvalidSection(
                f"{path.name}, {title}: the block `{match['info']}` is neither a file nor a snapshot"
            )
    return Section(path, title, tuple(steps), index, has_platform)
