"""What workers import, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_files

WORKER = (
    "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
    "from runpod_flash import Endpoint\n{imports}\n"
    "@Endpoint(name='w')\ndef run(x):\n    {body}\n    return x\n"
)


@pytest.mark.parametrize(
    ("imports", "body", "modules", "notes"),
    [
        ("import broken", "pass", ["broken", "w"], "a worker imports this module when it starts"),
        ("", "import broken", ["broken", "w"], "the function that imports this module raises it"),
        ("if TYPE_CHECKING:\n    import broken", "pass", ["w"], None),
        ("if not TYPE_CHECKING:\n    pass\nelse:\n    import broken", "pass", ["w"], None),
    ],
    ids=["at the top", "in a function", "for a type checker", "not without a type checker"],
)
def test_a_module_that_raises_matters_if_a_worker_imports_it(
    tmp_path: Path, imports: str, body: str, modules: list[str], notes: str | None
) -> None:
    files = {
        "w.py": WORKER.format(imports=imports, body=body),
        "broken.py": "import runpod_flash\nx = 1 / 0\n",
    }
    compiled = compile_files(tmp_path, files)
    said = [note for d in compiled.diagnostics if d.rule.code == "FC127" for note in d.notes]
    if notes is None:
        assert not said
        assert list(compiled.valid.worker_modules) == modules
    else:
        assert [note.startswith(notes) for note in said] == [True]


@pytest.mark.parametrize(
    ("other", "is_reported"),
    [
        ("import work\ny = work.torch\n", False),
        ("import work\ny = work.torch.nn\n", False),
        ("from work import torch\n", False),
        ("from work import *\n", False),
        ("y = 1\n", True),
    ],
)
def test_an_import_can_wait_if_no_other_module_uses_its_name(
    tmp_path: Path, other: str, is_reported: bool
) -> None:
    """The other module's name begins like the first one's: names are compared whole."""
    work = (
        "import torch\nfrom runpod_flash import Endpoint\n"
        "@Endpoint(name='w', gpu='any' and None)\ndef run(x): return torch.tensor(x)\n"
    )
    files = {"work.py": work, "worker_zz.py": f"import runpod_flash\n{other}"}
    codes = compile_files(tmp_path, files).codes
    assert ("FC320" in codes) == is_reported


@pytest.mark.parametrize(
    ("above", "is_reported"),
    [
        ("from torch import nn\nclass Net(nn.Module): pass\n", False),
        ("import torch.nn.functional as F\nBEST = F.relu\n", False),
        ("from torch import *\n", False),
        ("if DEBUG:\n    import torch.cuda as cuda\n    cuda.init()\n", False),
        ("from torch import nn\n", True),
        ("from torch import nn\ndef net(): return nn.Linear(1, 2)\n", True),
        ("import torchvision\nSIZE = torchvision.SIZE\n", True),
        ("try:\n    import torch.xla as xla\nexcept ImportError:\n    xla = None\n", True),
    ],
)
def test_an_import_can_wait_if_the_top_does_not_need_the_package(
    tmp_path: Path, above: str, is_reported: bool
) -> None:
    work = (
        f"import torch\n{above}from runpod_flash import Endpoint\n"
        "@Endpoint(name='w')\ndef run(x): return torch.tensor(x)\n"
    ).replace("DEBUG", "1")
    assert ("FC320" in compile_files(tmp_path, {"work.py": work}).codes) == is_reported
