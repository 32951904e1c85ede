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
from flashc_ir.platform.images import ImagePackage, supported_pythons
from flashc_ir.platform.worker_packages import (
    may_overlap,
    needs_of_worker,
    started_packages,
    worker_versions,
)
from tests.support.package_index import Package, package_index
from tests.support.projects import compile_files, write

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

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
    Package("loader", "1.0", ("huggingface-hub>=0.3", "speed-mini; python_version < '3.13'")),
    Package("oldloader", "1.0", ("huggingface-hub<1",)),
    Package("newloader", "1.0", ("huggingface-hub>=1.5",)),
    Package("huggingface-hub", "1.5"),
    Package("huggingface-hub", "0.9"),
    Package("speed-mini", "1.0", ("quick>=3", "quicker; extra == 'more'")),
    Package("quick", "3.0"),
    Package("agent", "1.0", ("runpod>=99",)),
    Package("drawer", "1.0", ("rich<14",)),
    Package("rich", "13.0"),
    Package("spanner", "1.0", ("pydantic<2.12",)),
    Package("pydantic", "2.11.5"),
    Package("sheets", "1.0", ("numpy<1.20",)),
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


def build(root: Path, index: str, text: str, *options: str) -> str:
    """Build a project with one module and return what is reported."""
    write(root / "app", {"worker.py": text})
    environment = {
        "UV_DEFAULT_INDEX": index,
        "UV_CACHE_DIR": str(root / "uv"),
        "UV_HTTP_RETRIES": "0",
    }
    command = ["build", str(root / "app"), "--python-version", "3.12", *options]
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
    assert (
        "error[FC418]: `typing-extensions` 4.2.0 would replace the version in the worker's image"
        in shown
    )
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


def test_a_version_that_only_the_oldest_known_image_refuses_is_a_warning(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "starlette"))
    message = "`starlette` 99.0 would replace the version in the worker's image, but `fastapi`"
    assert f"warning[FC419]: {message}" in shown
    assert "or require `fastapi` too" in shown
    assert "error" not in shown


def test_a_package_of_the_image_that_does_not_start_with_it_gets_a_warning(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "drawer"))
    message = "`rich` 13.0 would replace the version in the worker's image, but `runpod-flash`"
    assert f"warning[FC419]: {message}" in shown
    assert "required by drawer -> rich" in shown
    assert "or require" not in shown  # the SDK is never bundled


def test_what_no_deps_leaves_out_is_missed_unless_the_image_has_it(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "loader"), "--no-deps")
    assert "warning[FC419]: `loader` requires `speed-mini`, which `--no-deps` leaves out" in shown
    assert "huggingface-hub" not in shown
    shown = build(tmp_path, index, worker(CPU, "oldloader"), "--no-deps")
    assert "`oldloader` requires `huggingface-hub<1`, which `--no-deps` leaves out, and" in shown
    assert "has a version from 1.3.7 to" in shown
    shown = build(tmp_path, index, worker(CPU, "loader", "speed-mini", "quick"), "--no-deps")
    assert "FC419" not in shown


def test_versions_that_do_not_fit_each_other_are_found_with_no_deps(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "newloader", "huggingface-hub<1"), "--no-deps")
    assert "`newloader` requires `huggingface-hub>=1.5`, and the artifact has 0.9" in shown


def test_what_is_excluded_is_missed_unless_the_image_has_it(tmp_path: Path, index: str) -> None:
    shown = build(tmp_path, index, worker(CPU, "loader"), "--exclude", "quick")
    assert "`speed-mini` requires `quick>=3`, which `--exclude` leaves out" in shown
    assert "required by loader -> speed-mini -> quick" in shown
    shown = build(tmp_path, index, worker(CPU, "loader"), "--exclude", "huggingface_hub")
    assert "FC419" not in shown
    shown = build(tmp_path, index, worker(CPU, "newloader"), "--exclude", "huggingface_hub")
    assert "has a version from 1.3.7 to" in shown


def test_a_requirement_of_the_app_that_is_excluded_is_missed_too(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "loader", "quick"), "--exclude", "quick")
    assert "warning[FC419]: `--exclude` leaves `quick` out, and `runpod/flash-cpu" in shown
    text = worker(CPU, "loader", "huggingface-hub")
    assert "leaves" not in build(tmp_path, index, text, "--exclude", "huggingface-hub")
    text = worker(CPU, "loader", "huggingface-hub<1")
    assert "has a version from" in build(tmp_path, index, text, "--exclude", "huggingface-hub")


def test_a_requirement_on_the_sdk_is_compared_with_that_of_the_image(
    tmp_path: Path, index: str
) -> None:
    shown = build(tmp_path, index, worker(CPU, "agent"))
    assert "`agent` requires `runpod>=99`, which is never bundled, and" in shown


def test_numpy_of_the_image_has_to_fit_transitive_requirements(tmp_path: Path, index: str) -> None:
    shown = build(tmp_path, index, worker(GPU, "sheets"))
    assert "`sheets` requires `numpy<1.20`, which is not bundled because the images" in shown
    assert 'add `"numpy<1.20"` to `dependencies`' in shown


def test_a_load_balancer_has_the_versions_of_its_image(tmp_path: Path, index: str) -> None:
    text = (
        "from runpod_flash import Endpoint\n\n"
        'api = Endpoint(name="api", cpu="cpu3c-1-2", dependencies=["spanner"])\n\n'
        '@api.get("/x")\n'
        "async def run(x: int):\n    import spanner\n    return spanner.VERSION\n"
    )
    shown = build(tmp_path, index, text)
    assert "`spanner` requires `pydantic<2.12`, which a load balancer takes from its image" in shown
    assert "FC419" not in build(tmp_path, index, worker(CPU, "spanner"))


def test_an_image_of_the_user_may_have_everything(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASH_CPU_IMAGE", "me/mine:1")
    shown = build(tmp_path, index, worker(CPU, "wings"), "--exclude", "quick")
    assert "FC419" not in shown


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
    needs = {(need.who, need.name): need for need in needs_of_worker("3.12")}
    assert needs["the worker", "pydantic"].at_start
    assert needs["fastapi", "starlette"].at_start
    assert not needs["runpod", "cryptography"].at_start
    assert {"pydantic-core", "starlette", "yarl"} <= started_packages("3.12")


@pytest.mark.parametrize("python", supported_pythons())
def test_the_facts_are_closed_under_requirements(python: str) -> None:
    """Each image has what its packages require, in versions that these accept."""
    versions = worker_versions(python)
    for need in needs_of_worker(python):
        known = versions[need.name].versions
        for _, accepted in need.ranges:
            fitting = [version for version in known if accepted.contains(version, prereleases=True)]
            assert fitting, (python, need)


def test_packages_of_one_python_only_are_not_in_the_images_of_others() -> None:
    assert "async-timeout" in worker_versions("3.10")
    assert "async-timeout" not in worker_versions("3.11")


def test_a_version_between_bounds_is_neither_surely_accepted_nor_surely_refused() -> None:
    package = ImagePackage(
        name="hub",
        source="a test",
        date="2026-01-01",
        versions=("1.3", "2.4"),
        images=("gpu",),
        pythons=("3.12",),
    )
    for text, accepted, refused in (
        (">=1", True, False),
        (">=1.5", False, False),
        ("==1.6.0", False, False),
        ("<1", False, True),
        (">2.4", False, True),
        ("==3.*", False, True),
    ):
        assert package.satisfies(SpecifierSet(text)) is accepted, text
        assert package.excludes(SpecifierSet(text)) is refused, text


@pytest.mark.parametrize(
    ("requirement", "is_hidden"),
    [
        ("pydantic==2.11.7", True),
        ("fastapi==0.115.6", True),
        ("starlette<0.40", True),
        ("pydantic>=2.11.7", False),
        ("pydantic==2.13.0", False),
        ("pydantic", False),
        ("httpx==0.27.0", False),
        ("pydantic==2.11.7; sys_platform == 'win32'", False),
    ],
)
def test_a_load_balancer_does_not_get_every_version(
    tmp_path: Path, requirement: str, is_hidden: bool
) -> None:
    routes = (
        "from runpod_flash import Endpoint\n\n"
        f'api = Endpoint(name="api", cpu="cpu3c-1-2", dependencies=["{requirement}"])\n\n'
        '@api.get("/x")\nasync def run() -> str:\n    return "x"\n'
    )
    assert ("FC408" in compile_files(tmp_path / "a", {"worker.py": routes}).codes) is is_hidden
    files = {
        "worker.py": routes.replace(f'"{requirement}"', ""),
        "requirements.txt": f"{requirement}\n",
    }
    assert ("FC408" in compile_files(tmp_path / "b", files).codes) is is_hidden
    queued = {"worker.py": worker(CPU, requirement)}
    assert "FC408" not in compile_files(tmp_path / "c", queued).codes


def test_a_list_of_all_versions_gives_one_finding(tmp_path: Path) -> None:
    files = {
        "worker.py": (
            "from runpod_flash import Endpoint\n\n"
            'api = Endpoint(name="api", cpu="cpu3c-1-2")\n\n'
            '@api.get("/x")\nasync def run() -> str:\n    return "x"\n'
        ),
        "requirements.txt": "fastapi==0.115.6\nidna==3.10\nhttpx==0.27.0\nstarlette==0.41.3\n",
    }
    found = compile_files(tmp_path, files).found("FC408")
    assert "`fastapi`, `idna`, `starlette`" in found.message
    assert [str(label.location) for label in (found.primary, *found.secondary)] == [
        "requirements.txt:1:1",
        "requirements.txt:2:1",
        "requirements.txt:4:1",
    ]
