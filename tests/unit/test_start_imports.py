"""A worker that can't import what it imports when it starts is an error of the build."""

from __future__ import annotations

import ast
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from tests.support.package_index import Package, package_index
from tests.support.projects import write

OLD = 'print "hello"\n'
NESTED = 'def show(x):\n    return f"{x + f"{x}"}"\n'
PACKAGES = (
    Package("gauge", "1.0"),
    Package("ancient", "1.0", module_text=OLD),
    Package(
        "nested", "1.0", module_text="from .core import show\n", more=(("nested/core.py", NESTED),)
    ),
    Package(
        "shapes",
        "1.0",
        module_text="from . import base\n",
        more=(
            ("shapes/base.py", "x = 1\n"),
            ("shapes/templates/job.py", "import {{ name }}\n"),
            ("shapes/extra/__init__.py", "from shapes.extra import modern\n"),
            ("shapes/extra/modern.py", "type Number = int\n"),
            ("shapes/build/old.py", OLD),
        ),
    ),
    Package(
        "careful",
        "1.0",
        module_text=(
            "import sys\n"
            "if sys.version_info >= (3, 12):\n    from careful import modern\n"
            "try:\n    from careful import python2\nexcept SyntaxError:\n    pass\n"
            "def load():\n    from careful import python2\n"
        ),
        more=(("careful/modern.py", "type X = int\n"), ("careful/python2.py", OLD)),
    ),
    Package("latin", "1.0", more=(("latin/names.py", "# coding: latin-1\nx = 1\n"),)),
)


@pytest.fixture(scope="module")
def index() -> Generator[str, None, None]:
    with package_index({}, PACKAGES) as (address, _):
        yield address


def build(
    root: Path, index: str, files: dict[str, str], *options: str, python: str = "3.11"
) -> str:
    """Build a project and return what is reported."""
    write(root / "app", dict(files))
    environment = {
        "UV_DEFAULT_INDEX": index,
        "UV_CACHE_DIR": str(root / "uv"),
        "UV_HTTP_RETRIES": "0",
    }
    command = ["build", str(root / "app"), "--python-version", python, *options]
    return CliRunner().invoke(cli, command, env=environment).stderr


def balanced(top: str, *requirements: str, arguments: str = 'cpu="cpu3c-1-2"') -> str:
    """A load balancer with statements at the top of its module."""
    return (
        f"{top}\nfrom runpod_flash import Endpoint\n\n"
        f'api = Endpoint(name="api", {arguments}, dependencies={list(requirements)!r})\n\n'
        '@api.get("/x")\nasync def x() -> str:\n    return "x"\n'
    )


def queued(top: str, *requirements: str, body: str = "") -> str:
    """A queue endpoint with statements at the top of its module."""
    return (
        f"{top}\nfrom runpod_flash import Endpoint\n\n"
        f'@Endpoint(name="w", cpu="cpu3c-1-2", dependencies={list(requirements)!r})\n'
        f"async def run(x: int):\n{body}    return x\n"
    )


# A missing package --------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["import emoji", "from emoji import emojize", "import emoji.core"])
def test_a_missing_package_stops_a_load_balancer(tmp_path: Path, index: str, top: str) -> None:
    shown = build(tmp_path, index, {"worker.py": balanced(top)})
    assert "error[FC420]: workers of `api` can't start: line 1 of `worker.py` imports" in shown
    assert "neither the artifact nor `runpod/flash-lb-cpu:py3.11-latest` contains it" in shown
    assert "FC415" not in shown


def test_a_missing_package_of_an_imported_module_stops_it_too(tmp_path: Path, index: str) -> None:
    files = {
        "worker.py": balanced("import tools.text"),
        "tools/__init__.py": "",
        "tools/text.py": "import emoji\n",
    }
    assert "line 1 of `tools/text.py` imports `emoji`" in build(tmp_path, index, files)


def test_a_queue_worker_installs_it(tmp_path: Path, index: str) -> None:
    shown = build(tmp_path, index, {"worker.py": queued("import emoji")})
    assert "FC420" not in shown
    assert "warning[FC415]" in shown


@pytest.mark.parametrize(
    "top",
    [
        "try:\n    import emoji\nexcept ImportError:\n    emoji = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import emoji",
        "import sys\nif sys.platform == 'win32':\n    import emoji",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import emoji",
        "def f():\n    import emoji",
        "import sys\nsys.path.insert(0, '/runpod-volume/site-packages')\nimport emoji",
        "import sys\nsys.modules['emoji'] = sys\nimport emoji",
        "import subprocess\nsubprocess.run(['python', '-m', 'pip', 'install', 'emoji'])\nimport emoji",
        "import site\nsite.addsitedir('/runpod-volume')\nimport emoji",
        "import huggingface_hub, yaml, dotenv, dateutil, attr, cpuinfo, InquirerPy",
        "import distutils, imp, telnetlib",
        "import pip, setuptools",
    ],
)
def test_an_import_that_may_work_is_no_error(tmp_path: Path, index: str, top: str) -> None:
    assert "error" not in build(tmp_path, index, {"worker.py": balanced(top)})


@pytest.mark.parametrize(
    "arguments",
    [
        'cpu="cpu3c-1-2", env={"PYTHONPATH": "/runpod-volume"}',
        'cpu="cpu3c-1-2", system_dependencies=["python3-emoji"]',
        'cpu="cpu3c-1-2", template=PodTemplate(startScript="x")',
    ],
)
def test_modules_may_come_from_elsewhere(tmp_path: Path, index: str, arguments: str) -> None:
    top = "from runpod_flash import PodTemplate\nimport emoji"
    text = balanced(top, arguments=arguments)
    assert "error" not in build(tmp_path, index, {"worker.py": text})


def test_an_image_of_the_user_may_have_it(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASH_CPU_LB_IMAGE", "me/mine:1")
    assert "error" not in build(tmp_path, index, {"worker.py": balanced("import emoji")})


@pytest.mark.parametrize("name", ["torch", "numpy", "IPython", "jwt", "networkx", "gi"])
def test_the_base_of_an_image_for_gpus_may_have_it(tmp_path: Path, index: str, name: str) -> None:
    text = balanced(f"import {name}", arguments="gpu=GpuGroup.ANY")
    text = text.replace("import Endpoint", "import Endpoint, GpuGroup")
    assert "error" not in build(tmp_path, index, {"worker.py": text})


def test_a_package_that_is_bundled_is_there(tmp_path: Path, index: str) -> None:
    shown = build(tmp_path, index, {"worker.py": balanced("import gauge", "gauge")})
    assert "error" not in shown


def test_an_artifact_without_packages_expects_them_elsewhere(tmp_path: Path, index: str) -> None:
    shown = build(tmp_path, index, {"worker.py": balanced("import emoji")}, "--no-install")
    assert "error" not in shown


# A package that Python can't parse ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"), [("ancient", "ancient/__init__.py"), ("nested", "nested/core.py")]
)
def test_a_package_that_python_can_not_parse_stops_every_worker(
    tmp_path: Path, index: str, name: str, path: str
) -> None:
    for text in (queued(f"import {name}", name), balanced(f"import {name}", name)):
        shown = build(tmp_path, index, {"worker.py": text})
        assert "error[FC420]" in shown
        assert f"Python 3.11 can't parse `{path}` of `{name}` 1.0: " in shown


def test_newer_pythons_parse_newer_syntax(tmp_path: Path, index: str) -> None:
    text = queued("import nested, shapes.extra", "nested", "shapes")
    shown = build(tmp_path, index, {"worker.py": text}, python="3.12")
    assert "FC42" not in shown


def test_an_import_in_a_function_gets_a_warning(tmp_path: Path, index: str) -> None:
    text = queued("", "ancient", body="    import ancient\n")
    shown = build(tmp_path, index, {"worker.py": text})
    assert "warning[FC421]: `ancient` is imported in line" in shown
    assert "error" not in shown
    guarded = "    try:\n        import ancient\n    except ImportError:\n        pass\n"
    text = queued("", "ancient", body=guarded)
    assert "FC421" not in build(tmp_path, index, {"worker.py": text})


def test_modules_that_no_import_loads_are_not_spoken_of(tmp_path: Path, index: str) -> None:
    text = queued("import shapes, latin", "shapes", "latin")
    assert "FC42" not in build(tmp_path, index, {"worker.py": text})
    shown = build(tmp_path, index, {"worker.py": queued("import shapes.extra", "shapes")})
    assert "can't parse `shapes/extra/modern.py`" in shown


def test_imports_of_a_package_under_a_condition_are_not_certain(tmp_path: Path, index: str) -> None:
    assert "FC42" not in build(tmp_path, index, {"worker.py": queued("import careful", "careful")})
    shown = build(tmp_path, index, {"worker.py": queued("from careful import modern", "careful")})
    assert "can't parse `careful/modern.py`" in shown


def test_the_findings_stay_when_the_packages_come_from_the_cache(
    tmp_path: Path, index: str
) -> None:
    files = {"worker.py": queued("import ancient", "ancient")}
    assert build(tmp_path, index, files).count("error[FC420]") == 1
    assert build(tmp_path, index, files).count("error[FC420]") == 1


def test_the_modules_of_the_test_are_what_it_says() -> None:
    with pytest.raises(SyntaxError):
        ast.parse(OLD)
