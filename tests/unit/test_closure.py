"""Workers have what bundled packages require, or a finding says what is missing and who asks for it."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from flashc.cli.main import cli
from flashc_ir.platform.worker_packages import may_overlap, needs_of_worker
from tests.support.package_index import Package, package_index
from tests.support.projects import compile_files, write

PACKAGES = (
    Package("speed", "1.0", ("torch>=2.0",)),
    Package("wings", "1.0", ("speed", "nothing; extra == 'heavy'")),
    Package("sails", "1.0", ("torch; extra == 'gpu'", "torch; sys_platform == 'win32'")),
    Package("old", "1.0", ("typing-extensions<4.3",)),
    Package("older", "1.0", ("pydantic<2",)),
    Package("picky", "1.0", ("torch<2.0",)),
    Package("typing-extensions", "4.2.0"),
    Package("typing-extensions", "99.0"),
    Package("pydantic", "1.10"),
    Package("pydantic", "99.0"),
    Package("starlette", "0.36.0"),
    Package("starlette", "99.0"),
    Package("fastapi", "99.0", ("starlette==0.36.0",)),
)


def worker(hardware: str, *requirements: str, kind: str = "decorator") -> str:
    listed = ", ".join(f'"{each}"' for each in requirements)
    names = {re.split(r"[^\w-]", each)[0] for each in requirements}
    imports = "".join(f"    import {name.replace('-', '_')}\n" for name in sorted(names))
    return (
        "from runpod_flash import Endpoint, GpuGroup\n\n"
        f'@Endpoint(name="w", {hardware}, dependencies=[{listed}])\n'
        f"async def run(x: int):\n{imports}    return x\n"
    )


CPU, GPU = 'cpu="cpu3c-1-2"', "gpu=GpuGroup.ADA_24"


@pytest.fixture(scope="module")
def index() -> Generator[str, None, None]:
    with package_index({}, PACKAGES) as (address, _):
        yield address


def build(root: Path, index: str, text: str) -> str:
    """Build a project with one module and return what is reported."""
    write(root / "app", {"worker.py": text})
    environment = {
        "UV_DEFAULT_INDEX": index,
        "UV_CACHE_DIR": str(root / "uv"),
        "UV_HTTP_RETRIES": "0",
    }
    command = ["build", str(root / "app"), "--python-version", "3.12"]
    return CliRunner().invoke(cli, command, env=environment).stderr


def test_a_package_that_is_never_bundled_is_missed_through_a_chain(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "wings"))
    assert "warning[FC419]: `speed` requires `torch>=2.0`, which is never bundled" in shown
    assert "worker.py:3:" in shown
    assert "required by wings -> speed -> torch" in shown


def test_an_image_that_has_it_meets_the_requirement(tmp_path: Path, index: str) -> None:
    assert "FC419" not in build(tmp_path, index, worker(GPU, "wings"))


def test_an_image_with_another_version_does_not(tmp_path: Path, index: str) -> None:
    shown = build(tmp_path, index, worker(GPU, "picky"))
    assert "`picky` requires `torch<2.0`" in shown
    assert "has 2.9.1+cu128" in shown


def test_only_extras_that_are_asked_for_and_markers_that_hold_count(
    tmp_path: Path, index: str
) -> None:
    assert "FC419" not in build(tmp_path, index, worker(CPU, "sails"))
    assert "`sails` requires `torch`" in build(tmp_path, index, worker(CPU, "sails[gpu]"))


def test_a_transitive_package_that_the_worker_can_not_start_with_is_an_error(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "old"))
    assert "error[FC418]: `typing-extensions` 4.2.0 would replace the worker's" in shown
    assert "required by old -> typing-extensions" in shown
    shown = build(tmp_path, index, worker(CPU, "older"))
    assert "error[FC401]" in shown
    assert "pydantic>=2.11.4" in shown


def test_what_a_bundled_package_of_the_worker_needs_comes_with_it(
    tmp_path: Path, index: str
) -> None:
    assert "error[FC418]: `starlette` 0.36.0" in build(tmp_path, index, worker(CPU, "starlette<1"))
    text = worker(CPU, "starlette<1", "fastapi")
    assert "FC418" not in build(tmp_path, index, text)


@pytest.mark.parametrize(
    ("requirement", "is_refused"),
    [
        ("pydantic==1.10.21", True),
        ("pydantic<2", True),
        ("pydantic<2.11", True),
        ("pydantic>=1,<2.11.4", True),
        ("pydantic~=2.10.0", True),
        ("pydantic==2.11.*", False),
        ("pydantic<=2.11.4", False),
        ("pydantic>2", False),
        ("pydantic!=2.11.4", False),
        ("aiohttp==3.8.6", True),
        ("fastapi==0.115.6", False),
        ("requests==2.32.3", False),
    ],
)
def test_a_version_that_the_worker_refuses_is_found_by_a_check(
    tmp_path: Path, requirement: str, is_refused: bool
) -> None:
    for files in (
        {"worker.py": worker(CPU, requirement)},
        {"worker.py": worker(CPU), "requirements.txt": f"{requirement}\n"},
    ):
        codes = compile_files(tmp_path / str(len(files)), files).codes
        assert ("FC418" in codes) is is_refused, files


VERSIONS = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(
    lambda parts: ".".join(map(str, parts))
)
BOUNDS = st.builds(
    lambda operator, version: f"{operator}{version}",
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    VERSIONS,
)
SPECIFIERS = st.lists(BOUNDS, max_size=3).map(lambda bounds: SpecifierSet(",".join(bounds)))


@given(SPECIFIERS, SPECIFIERS, VERSIONS)
def test_specifiers_overlap_if_a_version_fits_both(
    one: SpecifierSet, other: SpecifierSet, version: str
) -> None:
    if one.contains(version) and other.contains(version):
        assert may_overlap(one, other)


@given(SPECIFIERS, SPECIFIERS)
def test_overlap_is_symmetric_and_an_empty_specifier_changes_nothing(
    one: SpecifierSet, other: SpecifierSet
) -> None:
    assert may_overlap(one, other) == may_overlap(other, one)
    assert may_overlap(one, SpecifierSet()) == may_overlap(one, one)


def test_the_facts_name_the_packages_that_a_worker_imports() -> None:
    needs = [(who, name) for who, name, _ in needs_of_worker()]
    assert ("the worker", "pydantic") in needs
    assert ("fastapi", "starlette") in needs
    assert ("fastapi", "starlette") not in [
        (who, name) for who, name, _ in needs_of_worker({"fastapi"})
    ]
