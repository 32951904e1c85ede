"""A build has an identity, which its workers tell; see also `test_deploy_probe.py`."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from flashc_backends.artifact.artifact import build
from flashc_core.diagnostics import Sink
from tests.support.projects import compile_files, context_of

WORKER = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w"{more})\nasync def run(x: int): return x\n'


def worker(more: str = "") -> str:
    return WORKER.replace("{more}", more)


def test_the_identity_of_a_build_is_in_its_code_and_in_its_manifest(tmp_path: Path) -> None:
    """It differs if a file of the artifact does, and does not depend on the folder."""

    def identity(folder: str, files: dict[str, str]) -> str:
        compiled = compile_files(tmp_path / folder / "app", files)
        target = tmp_path / folder / "artifact.tar.gz"
        assert build(compiled.valid, context_of(compiled.root, Sink()), target) is not None
        with tarfile.open(target) as opened:
            inner = opened.extractfile("./flash_manifest.json")
            app = opened.extractfile("./_flashc/app.py")
            assert inner is not None
            assert app is not None
            found: str = json.loads(inner.read())["identity"]
            assert f"BUILD = '{found}'\n" in app.read().decode()
        assert json.loads((target.parent / "flash_manifest.json").read_bytes())["identity"] == found
        return found

    project = {"w.py": worker()}
    first = identity("a", project)
    assert identity("b", project) == first
    others = [
        {"w.py": worker() + "X = 1\n"},
        {**project, "data.txt": "1"},
        {"w.py": worker(", max_concurrency=2")},
    ]
    assert len({first, *(identity(str(n), files) for n, files in enumerate(others))}) == 4
