"""The runner of the chapters: a wrong snapshot fails, and the update flag rewrites it and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.test_chapters import check_section
from tests.support.chapters import InvalidSection, read_sections

# One section of each kind of snapshot, each of them right.  `{n}` makes two chapters of it.
WORKER = """`worker.py`

```py
from runpod_flash import Endpoint

## a comment, not a heading
@Endpoint(name="w", dependencies=["alpha"])
async def run(x: int):
    import alpha
    return alpha.VERSION + x
```
"""
INDEX = "```index\nalpha 1.0\nalpha 2.0 needs beta<1.5\nbeta 1.0\nbeta 2.0\n```\n"
SNAPSHOTS = {
    "findings": "app: 1 endpoint, nothing to report\n",
    "ir endpoint=w": (
        'queue endpoint "w" at worker.py:4:2\n'
        "  runs worker:async def run(x: int)\n"
        "  gpu any, cuda >= 12.8\n"
        "  workers 0..1, idle 60 s, scale on QUEUE_DELAY 4\n"
        "  needs alpha\n"
    ),
    "manifest resources.w.workersMax resources.w.nothing": (
        "resources.w.workersMax: 1\nresources.w.nothing: absent\n"
    ),
    "members alpha/* beta/* handler_*": "alpha/__init__.py\nbeta/__init__.py\nhandler_w.py\n",
    "artifact alpha/__init__.py": "VERSION = '2.0'\n",
    "console": (
        "$ flashc explain FC999 2>/dev/null\n$ echo $?\n2\n"
        "$ WORD=1 flashc check\napp: 1 [..], nothing to report\n"
        "$ echo 'a = (' > other.py\n$ cat other.py\na = (\n"
        "$ rm other.py\n$ ls .\nworker.py\n"
    ),
}
OTHER = "\n## Another section\n\n`b.py`\n\n```py\n```\n\n```findings\nwrong too\n```\n"


def chapter(folder: Path, kind: str, text: str) -> Path:
    path = folder / "01-chapter.md"
    path.write_text(
        f"# Chapter\n\n## A section\n\nProse.\n\n{INDEX}\n{WORKER}\n```{kind}\n{text}```\n\nMore.\n{OTHER}"
    )
    return path


@pytest.mark.parametrize("kind", SNAPSHOTS)
def test_a_right_snapshot_passes(kind: str, tmp_path: Path) -> None:
    section = read_sections(chapter(tmp_path, kind, SNAPSHOTS[kind]))[0]
    check_section(section, tmp_path / "run", updating=False)


@pytest.mark.parametrize("kind", SNAPSHOTS)
def test_a_wrong_snapshot_fails_and_an_update_rewrites_it_alone(kind: str, tmp_path: Path) -> None:
    right = SNAPSHOTS[kind].replace("1 [..],", "1 endpoint,")
    commands = [line for line in right.splitlines() if line.startswith("$")]
    wrong = "\n".join(["no line of the output", *commands]) + "\n"
    path = chapter(tmp_path, kind, wrong)
    with pytest.raises(
        pytest.fail.Exception, match=r"(?s)\n-no line of the output\n.*--update-snapshots"
    ):
        check_section(read_sections(path)[0], tmp_path / "run", updating=False)
    check_section(read_sections(path)[0], tmp_path / "update", updating=True)
    assert path.read_text() == chapter(tmp_path, kind, right).read_text()


def test_a_lock_is_shown_but_for_what_brackets_leave_out(tmp_path: Path) -> None:
    section = read_sections(chapter(tmp_path, "lock", "    --hash=sha256:[..]\n"))[0]
    check_section(section, tmp_path / "update", updating=True)
    (section, _) = read_sections(section.path)
    check_section(section, tmp_path / "run", updating=False)
    (block,) = section.snapshots
    assert "\nalpha==2.0 \\\n    --hash=sha256:[..]\n" in block.text
    assert "\nbeta==1.0 " in block.text


def test_a_line_more_or_less_fails(tmp_path: Path) -> None:
    kind = "ir endpoint=w"
    lines = SNAPSHOTS[kind].splitlines(keepends=True)
    for number, changed in enumerate(([*lines, "  more\n"], lines[:-1])):
        section = read_sections(chapter(tmp_path, kind, "".join(changed)))[0]
        with pytest.raises(pytest.fail.Exception, match="what flashc prints"):
            check_section(section, tmp_path / str(number), updating=False)


def test_a_finding_that_is_not_announced_fails(tmp_path: Path) -> None:
    path = tmp_path / "01-chapter.md"
    text = "## A\n\n`w.py`\n\n```py\nfrom runpod_flash import Endpoint\nEndpoint(nam=1)\n```\n\n```ir\n```\n"
    path.write_text(text)
    with pytest.raises(AssertionError, match="FC101"):
        check_section(read_sections(path)[0], tmp_path / "run", updating=False)
    path.write_text(text.replace("nam=1)", "nam=1)  # error: [FC102]"))
    with pytest.raises(AssertionError, match="FC102"):
        check_section(read_sections(path)[0], tmp_path / "again", updating=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("## A\n\n```py\nx = 1\n```\n", "neither a file nor a snapshot"),
        ("## A\n\n## A\n", "two sections have one title"),
    ],
)
def test_a_section_that_can_not_be_understood_is_refused(
    text: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "01-chapter.md"
    path.write_text(text)
    with pytest.raises(InvalidSection, match=words):
        read_sections(path)


def test_a_section_that_expects_nothing_fails(tmp_path: Path) -> None:
    path = tmp_path / "01-chapter.md"
    path.write_text("## A\n\n`a.py`\n\n```py\n```\n")
    with pytest.raises(AssertionError, match="expects nothing"):
        check_section(read_sections(path)[0], tmp_path / "run", updating=False)


def test_an_unknown_part_of_a_program_is_refused(tmp_path: Path) -> None:
    section = read_sections(chapter(tmp_path, "ir endpoint=v", ""))[0]
    with pytest.raises(InvalidSection, match="no part `endpoint=v`"):
        check_section(section, tmp_path / "run", updating=False)
