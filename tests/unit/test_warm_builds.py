"""A build after an edit writes the same files and reports the same findings as one with an empty cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc import passes
from flashc.api.build import BuildResult, build_project
from flashc.project.workspace import open_workspace
from flashc_core.cache import Store
from tests.support.projects import write

# They run the same code hundreds of times, which measuring makes three times slower.
pytestmark = pytest.mark.no_cover

CONFIG = 'import os\nNAME = "app"\nREVISION = 1\nWORKERS = (0, 2)\nSTAGE = os.environ.get("STAGE_X", "a")\n'
A = (
    "from runpod_flash import Endpoint\nfrom config import NAME, STAGE, WORKERS\n\n"
    '@Endpoint(name=NAME + "-a-" + STAGE, workers=WORKERS)\nasync def run(x: int):\n    return x + 1\n'
)
B = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="b")\nasync def go(image: "Image"):\n    import missing_one\n'
    "    from a import run\n    return await run(1)\n\nfrom PIL.Image import Image\n"
)
FILES = {
    "config.py": CONFIG,
    "a.py": A,
    "b.py": B,
    "tools.py": "def f(): pass\n",
    "data.txt": "1",
}
EDITS = {
    "body": {"a.py": A.replace("x + 1", "x + 2")},
    "unused constant": {"config.py": CONFIG.replace("= 1", "= 2")},
    "used constant": {"config.py": CONFIG.replace('"app"', '"other"')},
    "workers": {"config.py": CONFIG.replace("(0, 2)", "(1, 5)")},
    "a line more": {"a.py": "# note\n" + A},
    "another endpoint": {"c.py": A.replace("-a-", "-c-")},
    "another import": {"a.py": A.replace("    return", "    import tools\n    return")},
    "import of nothing": {"a.py": A.replace("    return", "    import missing_two\n    return")},
    "suppressed": {"b.py": B.replace("missing_one", "missing_one  # flashc: ignore[FC415]")},
    "file": {"data.txt": "2"},
    "another file": {"more.txt": "1"},
    "requirements": {"requirements.txt": "numpy\n"},
    "option": {
        "pyproject.toml": '[tool.flashc]\nsize-budget = "900 MB"\npython-version = "3.11"\n'
    },
    "error": {"a.py": A.replace("workers=WORKERS", 'workers="many"')},
}


def built(root: Path, cache: Path, output: Path) -> tuple[BuildResult, dict[str, bytes]]:
    """Build without packages; return the result, and the files that were written."""
    flags = {"no_install": True, "output": output / "out.tar.gz"}
    result = build_project(open_workspace(root, flags, cache=Store(folder=cache)))
    return result, {path.name: path.read_bytes() for path in output.iterdir()}


def facts(result: BuildResult) -> object:
    return result.diagnostics, result.digest, result.summary


@pytest.mark.parametrize("name", EDITS)
def test_a_warm_build_is_like_a_cold_one(name: str, tmp_path: Path) -> None:
    root = write(tmp_path / "app", FILES)
    first, _ = built(root, tmp_path / "warm", tmp_path / "w0")
    assert first.artifact is not None, [d.message for d in first.diagnostics]
    assert {d.rule.code for d in first.diagnostics} >= {"FC324"}
    for number, state in enumerate((EDITS[name], FILES, EDITS[name])):
        write(root, state)
        for path in EDITS[name].keys() - FILES.keys() if state is FILES else ():
            (root / path).unlink()
        (tmp_path / f"w{number}").mkdir(exist_ok=True)
        (tmp_path / f"c{number}").mkdir()
        warm, warm_files = built(root, tmp_path / "warm", tmp_path / f"w{number}")
        cold, cold_files = built(root, tmp_path / f"cold{number}", tmp_path / f"c{number}")
        assert facts(warm) == facts(cold)
        assert (warm.artifact is None) == (name == "error" and state is not FILES)
        if warm.artifact is not None:
            assert warm_files == cold_files


def test_a_variable_is_an_input_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache, output = write(tmp_path / "app", FILES), tmp_path / "cache", tmp_path / "out"
    digests = set[str | None]()
    for stage in ("a", "b", "a"):
        monkeypatch.setenv("STAGE_X", stage)
        write(root, {"a.py": A.replace("x + 1", f"x + {len(digests)}")})
        result, _ = built(root, cache, output)
        assert f"app-a-{stage}: run" in "\n".join(result.summary)
        digests.add(result.digest)
    assert len(digests) == 3


def test_an_edit_that_alters_nothing_runs_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache, output = write(tmp_path / "app", FILES), tmp_path / "cache", tmp_path / "out"
    first, _ = built(root, cache, output)
    monkeypatch.setattr(passes, "run_passes", None)
    write(root, EDITS["body"])
    second, _ = built(root, cache, output)
    assert first.digest != second.digest
    assert first.diagnostics == second.diagnostics
    monkeypatch.undo()
    write(root, EDITS["workers"])
    third, _ = built(root, cache, output)
    assert "1-5 workers" in "\n".join(third.summary)
