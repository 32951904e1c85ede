"""A check with a cache finds what a check without one finds; it runs the passes only if it has to."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.api.check import CheckResult, check_project
from flashc_core.cache import Store
from tests.support.projects import opened, write

WORKER = """\
from config import NAME
from runpod_flash import Endpoint
@Endpoint(name=NAME, gpuu=1)  # flashc: ignore[FC999]
async def run(x: int):
    match x:
        case 1:
            return 1
"""
TOOLS = "match 1:\n  case 1:\n    x        = 1\n"
FILES = {
    "worker.py": WORKER,
    "config.py": "import tools\nNAME = 'w'\nREVISION = 1\n",
    "tools.py": TOOLS,
    "requirements.txt": "numpy\n",
    "data.txt": "one\n",
}
ALTERS_NOTHING = {
    "a function's body": {"worker.py": WORKER.replace("return 1", "return 2")},
    "a comment at the end": {"worker.py": WORKER + "# the end\n"},
    "a name that nothing reads": {"config.py": FILES["config.py"].replace("= 1", "= 2")},
    "a comment in a plain module": {"tools.py": TOOLS + "# the end\n"},
}
ALTERS_SOMETHING = {
    "the name of the endpoint": {"config.py": FILES["config.py"].replace("'w'", "'v'")},
    "a line more": {"worker.py": "\n" + WORKER},
    "a misspelt parameter": {"worker.py": WORKER.replace("gpuu", "gpus")},
    "the code of a suppression": {"worker.py": WORKER.replace("FC999", "FC101")},
    "an annotation in match": {"tools.py": TOOLS.replace("x        =", "x: int =")},
    "a plain module that can't be parsed": {"tools.py": "x = (\n"},
    "requirements": {"requirements.txt": "numpy 1\n"},
    "the configuration": {"pyproject.toml": "[tool.flashc]\nno_such_option = 1\n"},
    "another file": {"data.txt": "two\n"},
    "another module": {"numpy.py": ""},
}


def checked(root: Path, store: Store | None, python: str) -> CheckResult:
    """Check for a version of Python."""
    return check_project(opened(root, store, python_version=python))


def entries(store: Store) -> int:
    """Count the cached checks: one for the texts of a state, one for what was read of them."""
    return next(usage.entries for usage in store.usage() if usage.kind == "checks")


@pytest.mark.parametrize(
    ("edit", "python", "new_entries"),
    [
        *(pytest.param(edit, "3.12", 1, id=name) for name, edit in ALTERS_NOTHING.items()),
        # In Python 3.10, an annotation inside `match` raises NameError.
        *(pytest.param(edit, "3.10", 2, id=name) for name, edit in ALTERS_SOMETHING.items()),
    ],
)
def test_the_passes_run_if_an_edit_alters_what_is_read(
    edit: dict[str, str], python: str, new_entries: int, tmp_path: Path
) -> None:
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", FILES)
    before = checked(root, store, python)
    assert before == checked(root, None, python)
    known = entries(store)
    write(root, edit)
    assert checked(root, store, python) == checked(root, None, python)
    assert entries(store) == known + new_entries
    for name in edit:
        (root / name).unlink()
    write(root, FILES)
    assert checked(root, store, python) == before


IMPORTS = (
    "from runpod_flash import Endpoint\n@Endpoint(name='w')\nasync def run(x):\n    import {}\n"
)
BESIDE = {
    "an excluded module appears": ("tests.tools", {"tests/tools.py": ""}),
    "an excluded package appears": ("tests", {"tests/__init__.py": ""}),
    "an excluded module of a package appears": ("docs.a.b", {"docs/a/b.py": ""}),
}


@pytest.mark.parametrize(("imported", "edit"), BESIDE.values(), ids=BESIDE)
def test_a_check_looks_again_for_excluded_modules(
    imported: str, edit: dict[str, str], tmp_path: Path
) -> None:
    """An ignore rule excludes the folder as a whole, whatever is in it."""
    files = {"worker.py": IMPORTS.format(imported), "tests/a.txt": "", "docs/a/c.txt": ""}
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    before = checked(root, store, "3.12")
    write(root, edit)
    after = checked(root, store, "3.12")
    assert before != after == checked(root, None, "3.12")
    for name in edit:
        (root / name).unlink()
    assert checked(root, store, "3.12") == before


INCLUDES = {
    "plain": "-r ../more.txt\n",
    "quoted": '-r "../more.txt"\n',
    "partly quoted": "-c ../'more'.txt\n-r ../mo\"re.txt\"\n",
    "escaped": "-r ../mo\\re.txt\n",
    "behind another option": "--prefer-binary -r ../more.txt\n",
    "on the next line": "-r \\\n../more.txt\n",
    "in the middle of a word": "-r ../mo\\\nre.txt # why\n",
    "after a comment in a continued line": "attrs \\\n# why \\\n-r ../more.txt\n",
    "UTF-16": "-r ../more.txt\n".encode("utf-16"),
    "UTF-8 with a mark": "-r ../more.txt\n".encode("utf-8-sig"),
}


@pytest.mark.parametrize("text", INCLUDES.values(), ids=INCLUDES)
def test_a_check_depends_on_all_files_that_requirements_include(
    text: str | bytes, tmp_path: Path
) -> None:
    files = {"worker.py": IMPORTS.format("polars"), "requirements.txt": text}
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    write(tmp_path, {"more.txt": "polars\n"})
    before = checked(root, store, "3.12")
    write(tmp_path, {"more.txt": "attrs\n"})
    after = checked(root, store, "3.12")
    assert before != after == checked(root, None, "3.12")


# Objects that another module changes, though no name of that module shows it.
CHANGED = {
    "a dict": ("{}", "state.MADE['gpuu'] = {}", "**MADE"),
    "a namespace": ("SimpleNamespace(n=1)", "state.MADE.n = {}", "workers=MADE.n"),
    "a file": (
        "open(Path(__file__))",
        "state.MADE.readlines() if {} else 0",
        "workers=len(MADE.read())",
    ),
}


@pytest.mark.parametrize(("made", "change", "use"), CHANGED.values(), ids=CHANGED)
def test_a_check_sees_what_one_module_does_to_an_object_of_another(
    made: str, change: str, use: str, tmp_path: Path
) -> None:
    head = "from pathlib import Path\nfrom types import SimpleNamespace\n"
    files = {
        "state.py": f"{head}MADE = {made}\n",
        "other.py": f"import state\n{change.format(0)}\nDONE = 1\n",
        "worker.py": "from other import DONE\nfrom state import MADE\nfrom runpod_flash import Endpoint\n"
        f"@Endpoint(name='w', {use})\nasync def run(x: int): return x\n",
    }
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    assert checked(root, store, "3.12") == checked(root, None, "3.12")
    write(root, {"other.py": f"import state\n{change.format(-1)}\nDONE = 1\n"})
    assert checked(root, store, "3.12") == checked(root, None, "3.12")
