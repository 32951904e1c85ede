"""What stops a build, and that a build that is stopped leaves all outputs as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_backends import archive
from flashc_backends.artifact import packing
from flashc_backends.artifact.artifact import build
from flashc_backends.artifact.collisions import check_paths, check_worker_files
from flashc_backends.base import Draft, Silent, Unit
from flashc_backends.dependencies.installed import InstalledDistribution, InstalledFile
from flashc_core.diagnostics import Sink
from flashc_core.files import replacing
from tests.support.builds import TWO, build_all, build_files, worker
from tests.support.projects import compile_files, context_of, write

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    ("dependencies", "code"),
    [
        ('["text-unidecode==1.3", "text-unidecode<1.3"]', "FC401"),
        ('["docopt==0.6.2"]', "FC402"),
    ],
)
def test_what_can_not_be_resolved_is_reported(dependencies: str, code: str, tmp_path: Path) -> None:
    codes, target = build_files(tmp_path, {"worker.py": worker(f", dependencies={dependencies}")})
    assert codes == [code]
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("logger.py", "FC404"),
        ("handler_w.py", "FC405"),
        ("_flashc/queue.py", "FC405"),
        ("flash_manifest.json", "FC405"),
        ("flash_manifest.json/x", "FC405"),
        ("handler_w.py/x.txt", "FC405"),
        ("requirements.txt/more/y", "FC405"),
        ("_flashc.py/x", "FC405"),
    ],
)
def test_a_file_that_would_overwrite_another_is_refused(
    name: str, code: str, tmp_path: Path
) -> None:
    assert code in compile_files(tmp_path, {"worker.py": worker(), name: ""}).codes


def test_a_file_is_in_no_way_if_all_endpoints_are_containers_of_other_images(
    tmp_path: Path,
) -> None:
    image = (
        'from runpod_flash import Endpoint\n\nvllm = Endpoint(name="v", image="vllm/vllm-openai")\n'
    )
    files = {"handler.py": "", "app.py": image}
    assert compile_files(tmp_path / "images", files).codes == []
    assert compile_files(tmp_path / "code", {**files, "w.py": worker()}).codes == ["FC404"]


def test_a_module_that_shadows_a_dependency_is_refused(tmp_path: Path) -> None:
    files = {
        "worker.py": worker(', dependencies=["text-unidecode==1.3"]'),
        "text_unidecode.py": "",
    }
    assert build_files(tmp_path, files)[0] == ["FC406"]


@pytest.mark.parametrize("name", ["text_unidecode", "text_unidecode/data.bin/x"])
def test_a_file_with_the_path_of_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    files = {"worker.py": worker(', dependencies=["text-unidecode==1.3"]'), name: ""}
    assert build_files(tmp_path, files)[0] == ["FC406"]


def test_a_folder_with_a_generated_path_is_reported_once(tmp_path: Path) -> None:
    files = {
        "worker.py": worker(),
        "handler_w.py/a": "",
        "handler_w.py/b/c": "",
        "a/handler_w.py/x": "",
    }
    (found,) = compile_files(tmp_path, files).diagnostics
    assert found.message == "the folder `handler_w.py` has the path of the handler of `w`"
    assert found.help[0] == "rename the folder, or list it in `.flashignore`"


def test_packages_that_need_one_path_for_a_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    compiled = compile_files(tmp_path, {"worker.py": worker()})
    files = {"alpha": "common", "beta": "common/x", "gamma": "common.x"}
    installed = [
        InstalledDistribution(
            name=name, version="1.0", files=(InstalledFile(path=path, size=0, digest=""),)
        )
        for name, path in files.items()
    ]
    sink = Sink()
    check_paths(compiled.valid, (), installed, sink)
    assert [(d.rule.code, d.message) for d in sink] == [
        (
            "FC413",
            "`common` is a file of the package `alpha` and a folder of the package `beta`; nothing can unpack both",
        )
    ]


def test_an_artifact_over_the_limit_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LIMIT", 1000)
    assert archive.LIMIT == 1500 * 1024 * 1024
    codes, target = build_files(tmp_path, {"worker.py": worker()})
    assert codes == ["FC403"]
    assert not list(target.parent.iterdir())


def test_an_output_that_can_not_be_written_is_reported(tmp_path: Path) -> None:
    compiled = compile_files(tmp_path / "app", {"worker.py": worker()})
    (tmp_path / "file").write_text("in the way")
    sink = Sink()
    result = build(
        compiled.valid,
        context_of(compiled.root, sink),
        tmp_path / "file" / "artifact.tar.gz",
    )
    assert result is None
    assert [d.rule.code for d in sink] == ["FC901"]


def test_a_failed_build_leaves_the_previous_artifact_as_it_was(tmp_path: Path) -> None:
    _, target = build_files(tmp_path, {"worker.py": worker()})
    before = target.read_bytes()
    files = {"worker.py": worker(', dependencies=["text-unidecode==1.3"]'), "text_unidecode.py": ""}
    codes, _ = build_files(tmp_path, files)
    assert codes == ["FC406"]
    assert target.read_bytes() == before


@pytest.mark.parametrize(
    ("obstacle", "name"),
    [
        ("artifact.tar.gz", "artifact.tar.gz"),
        ("flash_manifest.json", "flash_manifest.json"),
        ("sbom.cdx.json", "sbom.cdx.json"),
        ("provenance.json", "provenance.json"),
        ("endpoints/b.tar.gz", "b.tar.gz"),
    ],
)
def test_a_build_that_can_not_write_one_output_touches_no_other(
    obstacle: str, name: str, tmp_path: Path
) -> None:
    app, output = write(tmp_path / "app", {"worker.py": TWO}), tmp_path / "out"
    assert not build_all(app, output)
    (output / obstacle).unlink()
    (output / obstacle).mkdir()
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    write(app, {"worker.py": TWO.replace("return x", "return x + 1")})
    assert build_all(app, output) == [("FC901", f"`{name}` can't be written: Is a directory")]
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before
    (output / obstacle).rmdir()
    assert not build_all(app, output)
    changed = {path for path in before if path.read_bytes() != before[path]}
    assert {path.name for path in changed} >= {"worker.py", "a.tar.gz", "provenance.json"} - {name}


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("after", [b"b" * 2_000_000, b"a", None])
def test_a_large_file_that_changes_while_it_is_packed_stops_the_build(
    after: bytes | None, tmp_path: Path
) -> None:
    compiled = compile_files(tmp_path / "app", {"w.py": worker(""), "big.bin": b"a" * 2_000_000})
    big, sink = compiled.root / "big.bin", Sink()

    class Changing(Silent):
        def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
            if "packing" in what:
                big.unlink()
                if after is not None:
                    big.write_bytes(after)

    output = tmp_path / "out" / "artifact.tar.gz"
    assert (
        build(compiled.valid, context_of(compiled.root, sink, progress=Changing()), output) is None
    )
    assert [(d.rule.code, d.path) for d in sink] == [("FC003", "big.bin")]
    assert not list(output.parent.iterdir())


def test_a_package_that_overwrites_a_module_of_the_worker_is_called_by_its_name() -> None:
    sink = Sink()
    contents = InstalledDistribution(name="noisy-logger", version="1", files=())
    check_worker_files([Draft(path="logger.py", content=b"")], sink, contents)
    assert ["--exclude noisy-logger" in d.help[0] for d in sink] == [True]
