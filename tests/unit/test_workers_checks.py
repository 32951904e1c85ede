"""What workers will miss: the cases around the examples of the rules' pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from tests.support.projects import compile_files, compile_folder, write

HEAD = "import os\nfrom runpod_flash import Endpoint\n\n"


def codes(root: Path, text: str, **more: str) -> list[str]:
    return compile_files(root, {"worker.py": text, **more}).codes


@pytest.mark.parametrize(
    "body",
    [
        'return os.environ["GIVEN"]',
        'return os.environ.get("OTHER", "x")',
        'return os.environ.get("OTHER", "").split(",")',
        'return [each.strip() for each in os.getenv("OTHER", "a;b").split(";")]',
        'return os.environ.get("OTHER", default="x").upper()[0].join("y")',
        'os.environ.setdefault("OTHER", "1").strip()\n    return os.environ["OTHER"]',
        'return os.getenv("OTHER") or "x"',
        'if not os.getenv("OTHER"):\n        raise ValueError',
        'return os.environ["HOME"] + os.environ["RUNPOD_POD_ID"]',
        'os.environ["OTHER"] = "1"\n    return os.environ["OTHER"]',
        'os.environ.setdefault("OTHER", "1")\n    return os.environ["OTHER"]',
        'x = bool(os.getenv("OTHER"))\n    return x and os.environ["OTHER"]',
        'environ = {"OTHER": 1}\n    return environ["OTHER"]',
        'x = os.getenv("OTHER")\n    if x is None:\n        x = 1\n    return x',
        'x: str | None = os.getenv("OTHER")\n    return x or "y"',
        'if (x := os.getenv("OTHER")):\n        return x',
        'if (x := os.getenv("OTHER")) is not None:\n        return x',
        'return None is os.getenv("OTHER")',
        'x = os.getenv("OTHER")\n    return (lambda: x if x else 1)()',
        'if "OTHER" in os.environ:\n        return os.environ["OTHER"]',
        'if "OTHER" not in os.environ:\n        return 1\n    return os.environ["OTHER"]',
        'try:\n        return int(os.environ["OTHER"])\n    except KeyError:\n        return 1',
        'try:\n        x = os.environ["OTHER"]\n    except (KeyError, ValueError):\n        x = 1',
    ],
)
def test_a_variable_that_is_there_or_may_be_absent_is_no_finding(body: str, tmp_path: Path) -> None:
    text = f'{HEAD}@Endpoint(name="w", env={{"GIVEN": "1"}})\nasync def run():\n    {body}\n'
    assert codes(tmp_path, text) == []


@pytest.mark.parametrize(
    "read",
    [
        'os.environ.get("KEY").split(",")',
        'os.getenv("KEY").strip()',
        'os.environ["KEY"].strip()',
        'int(os.environ.get("KEY").removeprefix("0x"), 16)',
        'os.environ.get("KEY").strip',
        '"x" in os.environ.get("KEY")',
        '"KEY" in {} and os.environ["KEY"]',
        '[x for x in "ab" if x] and (lambda x: x)(os.getenv("KEY"))',
    ],
)
def test_a_read_without_a_default_is_needed(read: str, tmp_path: Path) -> None:
    text = f'{HEAD}@Endpoint(name="w")\nasync def run():\n    return {read}\n'
    found = compile_files(tmp_path, {"worker.py": text}).found("FC131")
    assert found.message == "workers of `w` read `KEY`, which is not set there"


@pytest.mark.parametrize(
    "body",
    [
        'x = os.environ["KEY"]\n    return x or 1',
        'try:\n        return os.environ["KEY"]\n    except ValueError:\n        return 1',
        'try:\n        return 1\n    except KeyError:\n        return os.environ["KEY"]',
        'x = os.getenv("KEY")\n    def f(x): return x or 1\n    return f(x)',
    ],
)
def test_a_variable_is_needed_where_its_absence_is_not_handled(body: str, tmp_path: Path) -> None:
    text = f'{HEAD}@Endpoint(name="w")\nasync def run():\n    {body}\n'
    assert codes(tmp_path, text) == ["FC131"]


def test_each_endpoint_needs_the_variable_that_its_own_code_reads(tmp_path: Path) -> None:
    text = (
        HEAD + "def key(): return os.environ['KEY']\n"
        '@Endpoint(name="a", env={"KEY": os.environ["KEY_OF_TEST"]})\n'
        "async def a(): return key()\n"
        '@Endpoint(name="b")\nasync def b(): return key()\n'
        '@Endpoint(name="c")\nasync def c(): return 1\n'
    )
    found = compile_files(tmp_path, {"worker.py": text}).found("FC131")
    assert "workers of `b` read `KEY`" in found.message


def test_a_read_at_the_top_concerns_every_endpoint_of_the_module(tmp_path: Path) -> None:
    text = HEAD + 'KEY = os.environ.get("KEY")\n@Endpoint(name="a")\nasync def a(): return KEY\n'
    found = compile_files(
        tmp_path, {"worker.py": "from dotenv import load_dotenv\nload_dotenv()\n" + text}
    ).found("FC131")
    assert any("`.env` is never in the artifact" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N = 0\n{a}    global N\n    N += 1\n{b}    return N\n", ["FC323"]),
        ("C = {{}}\n{a}    C['x'] = 1\n{b}    return C\n", ["FC323"]),
        ("C = {{}}\n{a}    C.update(x=1)\n    return C\n{b}    return 1\n", []),
        ("C = {{}}\n{a}    C['x'] = 1\n{b}    C['x'] = 2\n    return C\n", []),
        ("C = {{}}\n{a}    C = []\n    C.append(1)\n{b}    return C\n", []),
        ("C = {{}}\n{a}    return C.pop(1).name\n{b}    return C\n", ["FC323"]),
        ("C = [1]\n{a}    return C\n{b}    return C\n", []),
    ],
)
def test_state_is_shared_where_one_changes_and_another_reads(
    text: str, expected: list[str], tmp_path: Path
) -> None:
    a, b = (f'@Endpoint(name="{name}")\nasync def {name}():\n' for name in "ab")
    assert codes(tmp_path, HEAD + text.format(a=a, b=b)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('os.system("pip install rich")', ["FC322"]),
        ('os.popen("pip install rich").read()', ["FC322"]),
        ('import subprocess\n    return subprocess.run(["pip", "install", "x"]).args', ["FC322"]),
        ('os.system(f"{os.sep}python -m pip install rich")', ["FC322"]),
        (
            '__import__("subprocess")\n    import subprocess as s\n    s.run(["pip", "install", "x"])',
            ["FC322"],
        ),
        ('import subprocess\n    subprocess.run(["nvidia-smi"])', []),
        ('print("pip install rich")', []),
    ],
)
def test_installing_is_starting_pip(line: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, f'{HEAD}@Endpoint(name="w")\nasync def run():\n    {line}\n') == expected


@pytest.mark.parametrize(
    "text",
    [
        "import pandas\n{w}def run(x: pandas.Series): return pandas.Series(x)\n",
        "import pandas\nEMPTY = pandas.Series()\n{w}def run(): return pandas.Series(EMPTY)\n",
        "import pandas\n{w}def run(): return 1\n",
        "import pandas\n{w}def run(pandas): return pandas\n",
        "import requests\n{w}def run(): return requests.get('x')\n",
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None\n{w}def run(): return pandas\n",
    ],
)
def test_an_import_that_must_be_at_the_top_or_is_everywhere_stays(
    text: str, tmp_path: Path
) -> None:
    dependencies = ', dependencies=["pandas"]' if "pandas" in text else ""
    wrapped = text.format(w=f'@Endpoint(name="w"{dependencies})\n')
    assert "FC320" not in codes(tmp_path, HEAD + wrapped)


def test_the_import_moves_into_every_function_that_uses_it(tmp_path: Path) -> None:
    text = (
        "from runpod_flash import Endpoint\nimport pandas as pd\n\n\n"
        "class Table:\n    def rows(self):\n        return pd.DataFrame()\n\n\n"
        '@Endpoint(name="w", dependencies=["pandas"])\nasync def run(x: int):\n'
        '    """Doc."""\n\n    # why\n    return pd.Series(x), Table().rows()\n'
    )
    write(tmp_path, {"worker.py": text})
    shown = CliRunner().invoke(cli, ["check", str(tmp_path), "--diff"]).output
    assert shown.count("+        import pandas as pd") == 1
    assert (tmp_path / "worker.py").read_text() == text
    CliRunner().invoke(cli, ["check", str(tmp_path), "--fix"])
    assert (tmp_path / "worker.py").read_text() == (
        "from runpod_flash import Endpoint\n\n\n"
        "class Table:\n    def rows(self):\n        import pandas as pd\n"
        "        return pd.DataFrame()\n\n\n"
        '@Endpoint(name="w", dependencies=["pandas"])\nasync def run(x: int):\n'
        '    """Doc."""\n\n    # why\n    import pandas as pd\n'
        "    return pd.Series(x), Table().rows()\n"
    )
    assert compile_folder(tmp_path).codes == []


def test_a_cycle_through_an_endpoint_without_workers_is_told_as_such(tmp_path: Path) -> None:
    text = (
        HEAD + '@Endpoint(name="a", workers=(0, 3))\nasync def a(): return await b()\n'
        '@Endpoint(name="b", workers=(0, 0))\nasync def b(): return await a()\n'
    )
    found = compile_files(tmp_path, {"worker.py": text}).found("FC315")
    assert found.message == "`b` has no worker and calls itself in the cycle `a` -> `b` -> `a`"
    assert found.notes == ()


@pytest.mark.parametrize(
    ("gpus", "reported"),
    [
        ("[GpuGroup.AMPERE_80, GpuGroup.AMPERE_24]", True),
        ("[GpuGroup.AMPERE_48, GpuGroup.HOPPER_141, GpuGroup.AMPERE_24]", True),
        ("[GpuGroup.AMPERE_24, GpuGroup.AMPERE_80]", False),
        ("[GpuGroup.AMPERE_24, GpuGroup.AMPERE_80, GpuGroup.AMPERE_48]", False),
        ("[GpuGroup.AMPERE_80, GpuGroup.AMPERE_48]", False),
    ],
)
def test_a_small_gpu_is_meant_if_it_stands_first(gpus: str, reported: bool, tmp_path: Path) -> None:
    text = f"from runpod_flash import Endpoint, GpuGroup\n\n@Endpoint(name='w', gpu={gpus})\ndef run(x): return x\n"
    assert ("FC130" in codes(tmp_path, text)) == reported


@pytest.mark.parametrize(
    "forwarded",
    [
        "{k: v for k, v in {'T': os.getenv('T')}.items() if v}",
        "{'T': os.environ['T']} if os.environ.get('T') else {}",
        "dict(T=os.getenv('T')) if os.getenv('T') is not None else None",
    ],
)
def test_a_variable_that_is_passed_on_if_it_is_set_is_not_missing(
    forwarded: str, tmp_path: Path
) -> None:
    text = f"{HEAD}GIVEN = {forwarded}\n\n@Endpoint(name='w', env=GIVEN)\ndef run(x): return x\n"
    assert codes(tmp_path, text) == []
