"""A package counts as undeclared only if every declaration is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_files

WORKER = (
    "import humanize\nfrom runpod_flash import Endpoint\n{above}\n"
    "@Endpoint(name='w'{more})\ndef run(x): return humanize.naturalsize(x)\n"
)
PYLOCK = "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'requests'\n"


def found(root: Path, files: dict[str, str], above: str = "", more: str = "") -> list[str]:
    worker = WORKER.format(above=above, more=more)
    return compile_files(root, {"worker.py": worker, **files}).codes


@pytest.mark.parametrize(
    ("files", "above", "more"),
    [
        ({}, "", ""),
        ({"requirements.txt": "requests\n"}, "", ", dependencies=['numpy']"),
        ({"other.py": WORKER.replace("'w'", "'o'").format(above="", more=", worker=1")}, "", ""),
        ({"requirements.txt": "requests=2\n--client-cert me.pem\n"}, "", ""),
        ({"requirements.txt": "requests==2\n", "pylock.toml": PYLOCK}, "", ""),
        ({"pyproject.toml": "[project]\nname = 'a'\ndependencies = ['requests=2']\n"}, "", ""),
        ({"pyproject.toml": "[tool.uv]\nconstraint-dependencies = ['what is it']\n"}, "", ""),
        ({}, "", ", dependencies=['requests=2']"),
    ],
    ids=[
        *("nothing declares it", "others are declared", "another module has an error"),
        *("a wrong line names another package", "a wrong version in a lock"),
        *("a wrong requirement of the project names another package", "a wrong constraint"),
        "a wrong dependency names another package",
    ],
)
def test_an_import_that_nothing_declares_is_reported(
    tmp_path: Path, files: dict[str, str], above: str, more: str
) -> None:
    assert "FC318" in found(tmp_path, files, above, more)


@pytest.mark.parametrize(
    ("files", "above", "more"),
    [
        ({"requirements.txt": "humanize @@ what\n"}, "", ""),
        ({"requirements.txt": "-r elsewhere.txt\n"}, "", ""),
        ({"pyproject.toml": "[project]\ndependencies = ['human ize']\n"}, "", ""),
        ({}, "import os\nD = os.listdir('.')", ", dependencies=D"),
        ({}, "import os\nN = os.listdir('.')", " + N[0], dependencies=['humanize']"),
    ],
    ids=["invalid line", "missing file", "invalid entry", "unknown list", "unknown name"],
)
def test_where_declarations_can_not_be_read_no_import_is_reported(
    tmp_path: Path, files: dict[str, str], above: str, more: str
) -> None:
    codes = found(tmp_path, files, above, more)
    assert codes
    assert "FC318" not in codes


@pytest.mark.parametrize(
    ("dependencies", "body"),
    [
        ('["humanize", "xlwings"]', 'read(engine="xlwings")'),
        ('["humanize", "humanize-extras"]', "pass"),
        ('["humanize", "yt-dlp"]', 'import subprocess; subprocess.run(["yt_dlp", x])'),
        ('["humanize", "paddlepaddle"]', "pass"),
        ('["humanize", "sqlalchemy-bigquery", "sqlalchemy"]', "import sqlalchemy"),
        ('["humanize", "left-alone"]', "pass  # humanize loads left-alone"),
        ('["humanize", "left-alone"]', 'import subprocess; subprocess.run(["python", x])'),
        ('["humanize", "left-alone"]', 'import os; os.system("/usr/bin/python3.12 -c " + x)'),
        (
            '["humanize", "left-alone"]',
            "import sys, subprocess; subprocess.run([sys.executable, x])",
        ),
        ('["humanize", "left-alone"]', "exec(x)"),
    ],
    ids=[
        *("engine", "plugin", "program", "backend", "driver", "comment"),
        *("python", "command", "interpreter", "exec"),
    ],
)
def test_a_package_that_may_be_loaded_indirectly_is_not_called_unused(
    dependencies: str, body: str, tmp_path: Path
) -> None:
    text = (
        "import humanize\nfrom runpod_flash import Endpoint\ndef read(**k): pass\n"
        f"@Endpoint(name='w', dependencies={dependencies})\n"
        f"def run(x):\n    {body}\n    return humanize.naturalsize(x)\n"
    )
    assert "FC321" not in compile_files(tmp_path, {"worker.py": text}).codes


@pytest.mark.parametrize("body", ["model.exec(x)", "x.index('pythonic')", "my_exec(x)"])
def test_words_that_only_look_like_running_python_hide_no_unused_package(
    body: str, tmp_path: Path
) -> None:
    text = (
        "from runpod_flash import Endpoint\n"
        "@Endpoint(name='w', dependencies=['left-alone'])\n"
        f"def run(x, model, my_exec):\n    return {body}\n"
    )
    assert "FC321" in compile_files(tmp_path, {"worker.py": text}).codes


def test_a_package_that_nothing_names_is_unused(tmp_path: Path) -> None:
    worker = WORKER.format(above="", more=", dependencies=['humanize', 'left-alone==1']")
    assert "FC321" in compile_files(tmp_path, {"worker.py": worker}).codes


CPU = ", cpu='cpu3c-1-2'"
TWO = (
    "from runpod_flash import Endpoint\n"
    "@Endpoint(name='gpu')\ndef on_gpu(x):\n    import models\n    return models.run(x)\n"
)


@pytest.mark.parametrize(
    ("files", "codes"),
    [
        ({"worker.py": TWO}, ["FC407"]),
        (
            {
                "worker.py": TWO.replace(
                    "    import models\n    return models.run(x)", "    return x"
                )
            },
            [],
        ),
        (
            {"worker.py": TWO.replace("name='gpu'", "name='gpu', dependencies=['torchvision']")},
            ["FC407"],
        ),
        ({"worker.py": TWO.replace("name='gpu'", f"name='gpu'{CPU}")}, ["FC407", "FC407"]),
        (
            {
                "worker.py": TWO,
                "train.py": "import torchvision\n",
                "models.py": "def run(x): ...\n",
            },
            [],
        ),
    ],
    ids=[
        "imported",
        "not imported",
        "said at the endpoint",
        "on a CPU",
        "only a script imports it",
    ],
)
def test_what_an_image_lacks_is_reported_for_a_file_if_the_endpoint_imports_it(
    tmp_path: Path, files: dict[str, str], codes: list[str]
) -> None:
    models = "import torch\nimport torchvision\ndef run(x): return torch, torchvision\n"
    requirements = {"requirements.txt": "torch\ntorchvision\ntorchaudio\n", "models.py": models}
    assert compile_files(tmp_path, {**requirements, **files}).codes == codes


SCRIPT = 'print("run by hand")\nused = 1\n'


@pytest.mark.parametrize(
    ("folder", "import_", "codes"),
    [
        ("datasets", "from datasets import load_dataset as used", []),
        ("datasets", "from datasets.features import Value as used", []),
        ("datasets", "import datasets as used", []),
        ("email", "from email import message as used", []),
        ("pydantic", "from pydantic import BaseModel as used", []),
        ("tasks", "from tasks.script import used", []),
        ("tasks", "from tasks import scripts as used", ["FC304"]),
        ("tasks", "from tasks.more.script import used", ["FC304"]),
        ("email", "from email.script import used", ["FC304"]),
        ("pydantic", "from pydantic import script as used", ["FC304"]),
        ("yarl", "import yarl.script as used", ["FC304"]),
    ],
)
def test_python_prefers_a_package_to_a_folder_of_its_name(
    tmp_path: Path, folder: str, import_: str, codes: list[str]
) -> None:
    worker = (
        "from runpod_flash import Endpoint\n\n"
        "@Endpoint(name='w', dependencies=['datasets'])\n"
        f"def run(x):\n    {import_}\n    import datasets\n    return used, datasets\n"
    )
    files = {"worker.py": worker, f"{folder}/script.py": SCRIPT}
    assert compile_files(tmp_path, files).codes == codes


@pytest.mark.parametrize(
    "import_", ["from app.limits import LIMIT", "from app import limits as LIMIT"]
)
def test_the_name_of_the_projects_folder_is_no_package(tmp_path: Path, import_: str) -> None:
    files = {"limits.py": "LIMIT = 1\n"}
    above = f"{import_}\nSIZE = humanize.naturalsize(LIMIT)"
    assert found(tmp_path / "app", files, above, ", dependencies=['humanize']") == ["FC305"]
    assert found(tmp_path / "app", files, above, ", dependencies=['humanize', 'app']") == []


def test_an_undeclared_package_is_not_also_said_to_be_imported_too_early(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == ["FC318"]
    assert found(tmp_path, {}, "", ", dependencies=['humanize']") == ["FC320"]


def test_a_package_may_be_used_by_a_module_whose_import_is_reported(tmp_path: Path) -> None:
    worker = (
        "from flashc import Endpoint\n"
        "from helper import work\n"
        "@Endpoint(name='w', cpu='cpu3c-1-2', dependencies=['humanize'])\n"
        "def run() -> int:\n    return work()\n"
    )
    files = {"service/worker.py": worker, "service/helper.py": "import humanize\n"}
    codes = compile_files(tmp_path, files).codes
    assert "FC305" in codes
    assert "FC321" not in codes


WITHIN = """
from runpod_flash import Endpoint

@Endpoint(name="a"{a})
async def a(x: int):
    {a_does}

{more}
"""


def codes_within(root: Path, does: str, a: str = CPU, more: str = "") -> list[str]:
    worker = WITHIN.format(a=a, a_does=does, more=more)
    return compile_files(root, {"worker.py": worker}, python_version="3.12").codes


@pytest.mark.parametrize(
    ("does", "a", "more", "reported"),
    [
        ("import torch; return x", CPU, "", 1),
        ("import torch.nn, torch.fft; return x", CPU, "", 1),
        ("from torchvision import io; return x", CPU, "", 1),
        ("import torch; return x", f"{CPU}, dependencies=['sentence-transformers']", "", 1),
        # The image of endpoints with GPUs has torch.
        ("import torch; return x", "", "", 0),
        # It is reported where it is asked for.
        ("import torch; return x", f"{CPU}, dependencies=['torch']", "", 1),
        ("return x", CPU, "class B:\n    def run(self):\n        import torch\n", 1),
        ("return x", CPU, "def helps():\n    import torch\n", 1),
        (
            "return x",
            CPU,
            "def helps():\n    import torch\n@Endpoint(name='b')\nasync def b(): ...\n",
            0,
        ),
        (
            "return x",
            "",
            f"@Endpoint(name='b'{CPU})\nclass B:\n    def __init__(self): import torch\n    def run(self): ...\n",
            1,
        ),
        ("return x", CPU, "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import torch\n", 0),
        # A worker with a queue installs what its module lacks when it starts.
        ("return x", CPU, "import torch\n", 0),
        ("import torch; return x", CPU, "import torch\n", 0),
        ("import torch; return x", CPU, "try: import torch\nexcept ImportError: ...\n", 1),
        ("import torchvision; return x", CPU, "import torch\n", 1),
        (
            "return x",
            CPU,
            "def helps():\n    try:\n        import torch\n    except ImportError: ...\n",
            0,
        ),
        ("import os, torch; return x", CPU, "import os\nos.system('pip install torch')\n", 0),
    ],
    ids=[
        "a function",
        "submodules",
        "torchvision",
        "another package needs it too",
        "a GPU",
        "asked for",
        "a class of the module",
        "a function that others call",
        "a function that a worker with it may call",
        "the class of an endpoint",
        "only for types",
        "the top of the module",
        "a function and the top of the module",
        "a function, and guarded at the top of the module",
        "a function, and another package at the top of the module",
        "guarded",
        "the module installs packages",
    ],
)
def test_what_no_image_has_is_reported_where_a_function_imports_it(
    tmp_path: Path, does: str, a: str, more: str, reported: int
) -> None:
    codes = codes_within(tmp_path, does, a, more)
    assert codes.count("FC407") == reported
    assert "FC318" not in codes


def test_an_image_that_is_not_known_may_have_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASH_CPU_IMAGE", "team/worker:1")
    assert codes_within(tmp_path, "import torch, torchvision; return x") == []


def test_a_load_balancer_installs_nothing_when_it_starts(tmp_path: Path) -> None:
    worker = (
        "from runpod_flash import Endpoint\nimport torch\n"
        "api = Endpoint(name='api', cpu='cpu3c-1-2')\n"
        "@api.get('/x')\nasync def x():\n    import torch\n    return {}\n"
    )
    codes = compile_files(tmp_path, {"worker.py": worker}, python_version="3.12").codes
    assert codes.count("FC407") == 1


def test_each_endpoint_of_a_module_is_judged_by_its_own_image(tmp_path: Path) -> None:
    more = "@Endpoint(name='b')\nasync def b(x: int):\n    import torch\n    return x\n"
    worker = WITHIN.format(a=CPU, a_does="import torch; return x", more=more)
    compiled = compile_files(tmp_path, {"worker.py": worker}, python_version="3.12")
    (finding,) = compiled.diagnostics
    assert finding.rule.code == "FC407"
    assert str(finding.location).startswith("worker.py:6:")
