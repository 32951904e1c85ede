"""Findings say what to type in the dialect of the program, and name no parameter that the dialect lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from flashc.api import build_project, verify_artifact
from flashc.evaluator.declarations import EndpointValue
from flashc.frontend.decode import ArgumentDecoder
from flashc.frontend.dialect import Lowered
from flashc.frontend.endpoint_lowering import default_configuration, lower_endpoints
from flashc.frontend.flash import FLASH, parameters
from flashc.frontend.legacy import LEGACY
from flashc.frontend.parameter_table import Arguments
from flashc_core.diagnostics import Diagnostic
from flashc_ir.endpoints import Configuration
from flashc_ir.resources import Cpu, Resources
from flashc_ir.spelling import Spelling, alternatives, first_of
from tests.support.module_texts import texts_of
from tests.support.package_index import Package, package_index
from tests.support.projects import ROOT, Compiled, compile_files, opened, write
from tests.support.toy_dialect import NAME, Lowering, Toy

TOY = "import os, toy\napp = toy.App('front')\n"
QUEUE = "@app.queue()\nasync def f(x: int) -> int:\n"
CALLER = "@app.queue(name='g')\nasync def g(x: int) -> int:\n    return await f(x)\n"
ROUTE = "@app.get('/x/{x}')\ndef f(x: int):\n"
TOKEN = "ghp_yFkQX0L8dW2pZr5UjMb7Vt1HnCe4GaSo9iKx"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n"
LISTED = "add the package that installs it to the project's requirements"
PYPROJECT = '[project]\nname = "a"\nversion = "1"\n'
"""A project whose extra has the package that a module imports."""
OFFER = PYPROJECT + '[project.optional-dependencies]\nmore = ["emoji"]\n'

TEXTS: dict[str, tuple[str, dict[str, str], str | None]] = {
    "no route to poll": (
        "FC212",
        {"a.py": f"{TOY}{ROUTE}    return x\n"},
        'add a route such as `@app.get("/health")`',
    ),
    "a variable": (
        "FC131",
        {"a.py": f"{TOY}{QUEUE}    return os.environ['TOKEN']\n"},
        "read it with a default",
    ),
    "a package": ("FC318", {"a.py": f"import nothing\n{TOY}{QUEUE}    return nothing.x\n"}, LISTED),
    "a known package": (
        "FC318",
        {"a.py": f"import pandas\nK = pandas.x\n{TOY}{QUEUE}    return x\n"},
        'add `"pandas"` to the project\'s requirements',
    ),
    "an offered package": (
        "FC318",
        {"a.py": f"import emoji\n{TOY}{QUEUE}    return emoji.x\n", "pyproject.toml": OFFER},
        'write `extras = ["more"]` in `[tool.flashc]`',
    ),
    "an installation": (
        "FC322",
        {"a.py": f"{TOY}{QUEUE}    os.system('pip install x')\n    return x\n"},
        "list the packages in the project's requirements",
    ),
    "a file with credentials": (
        "FC009",
        {"a.py": f"{TOY}{QUEUE}    return x\n", "id_rsa": KEY},
        "list it in `.flashignore`, and read values on workers from environment variables",
    ),
    "a credential": (
        "FC128",
        {"a.py": f"{TOY}{QUEUE}    return '{TOKEN}'\n"},
        "read it on workers from an environment variable",
    ),
    "an import at the top": (
        "FC320",
        {"a.py": f"import numpy\n{TOY}{QUEUE}    return numpy.x\n", "requirements.txt": "numpy"},
        "import it in the functions that use it",
    ),
    "a cycle": (
        "FC315",
        {"a.py": f"{TOY}{QUEUE}    return await g(x)\n{CALLER}"},
        "remove one of the calls",
    ),
    "an annotation in match": (
        "FC134",
        {"a.py": f"{TOY}match os:\n    case _:\n        y: int = 1\n{QUEUE}    return x\n"},
        "remove the annotation, or annotate a name outside `match` first",
    ),
    "an option of a route": (
        "FC101",
        {"a.py": f"{TOY}@app.get('/x', dependencies=[1])\ndef f(): return 1\n"},
        "call them in the function",
    ),
    "an SDK that is imported by a computed name": (
        "FC136",
        {
            "a.py": f"import importlib\n{TOY}importlib.import_module('to' + 'y')\n{QUEUE}    return x\n"
        },
        'write the name in the call: `importlib.import_module("toy")`',
    ),
    "a decorator that is not known": (
        "FC136",
        {"a.py": f"{TOY}@vars(toy)['App']('b').queue()\ndef b(x): return x\n{QUEUE}    return x\n"},
        "decorate with an object that the SDK's `App(...)` returns",
    ),
    "another SDK": (
        "FC112",
        {"a.py": f"{TOY}{QUEUE}    return x\n", "b.py": "from runpod import App\nb = App('b')\n"},
        "declare the endpoints with `@app.queue()` of `app = toy.App(...)`",
    ),
}


def first_help(compiled: Compiled, code: str) -> str:
    """The first help of the first finding with this code."""
    found = [each for each in compiled.diagnostics if each.rule.code == code]
    assert found, compiled.codes
    return found[0].help[0]


def said_by(found: Diagnostic) -> str:
    return "\n".join((found.message, *found.notes, *found.help))


NAMES = {row.name for row in parameters.ENDPOINT}
FOREIGN = re.compile(
    rf"`(?:{'|'.join(sorted(NAMES - {row.name for row in Lowering.table}))})(?:`|=)"
    r"|\bEndpoint\b|@api\b|`flash`"
)
"""What only programs of Flash have."""


@pytest.mark.parametrize(("code", "files", "help"), TEXTS.values(), ids=TEXTS)
def test_a_finding_says_what_to_type_in_the_dialect_of_the_program(
    tmp_path: Path, code: str, files: dict[str, str], help: str
) -> None:
    python = "3.10" if code == "FC134" else "3.12"
    compiled = compile_files(tmp_path, files, dialects=(Toy(),), python_version=python)
    assert first_help(compiled, code) == help
    for each in compiled.diagnostics:
        said = said_by(each).replace("no option `dependencies`", "")
        assert not FOREIGN.search(said), said


class OnCpu(Lowering, frozen=True):
    """Endpoints whose configuration the SDK chooses, and programs can't."""

    def configuration(self, arguments: Arguments) -> Configuration:
        chosen = default_configuration(arguments, Cpu(("cpu3c-1-2",)))
        is_long = NAME.read(arguments) == "g"
        resources = replace(chosen.resources, execution_timeout_ms=7_200_000 * is_long)
        return replace(chosen, resources=resources, python_version="3.11" if is_long else "3.12")


class ChoosingToy(Toy):
    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        return lower_endpoints(OnCpu, decoder, declared)


def test_what_no_parameter_changes_has_help_without_a_name(tmp_path: Path) -> None:
    one = f"{TOY}{QUEUE}    import torch\n    return await g(x)\n"
    two = f"{one}{CALLER.replace('await f(x)', 'x')}"
    found = compile_files(tmp_path, {"a.py": two}, dialects=(ChoosingToy(),), python_version=None)
    assert {each.rule.code: each.help for each in found.diagnostics} == {
        "FC121": ("give every endpoint the same Python version, or none",),
        "FC316": ("start a job and poll",),
        "FC407": ("use an endpoint whose image contains `torch`",),
    }
    alone = f"{TOY}{QUEUE}    return x\n"
    program = compile_files(
        tmp_path / "b", {"a.py": alone}, dialects=(ChoosingToy(),), python_version=None
    ).valid
    assert program.python_reason == "the declaration of an endpoint"


def test_the_declaration_of_each_endpoint_decides_in_a_program_of_several_dialects(
    tmp_path: Path,
) -> None:
    flash = "import os\nfrom runpod_flash import Endpoint\n"
    files = {
        "one.py": f"{TOY}{ROUTE}    return os.environ['ONE']\n",
        "two.py": f"{flash}import nothing\napi = Endpoint(name='two')\n@api.get('/x/{{x}}')\n"
        "def g(x: int): return nothing.x, os.environ['TWO']\n",
        "three.py": f"import others\n{TOY.replace('front', 'three')}{QUEUE}    return others.x\n",
    }
    found = compile_files(tmp_path, files, dialects=(FLASH, LEGACY, Toy())).diagnostics
    help = {(each.rule.code, each.path): each.help[0] for each in found}
    assert help["FC212", "one.py"] == 'add a route such as `@app.get("/health")`'
    assert help["FC212", "two.py"] == (
        'add a route such as `@api.get("/health")`, or keep a worker running: `workers=(1, 3)`'
    )
    assert help["FC131", "one.py"] == "read it with a default"
    assert help["FC131", "two.py"].startswith('add `env={"TWO": os.environ["TWO"]}`, which is')
    assert help["FC318", "three.py"] == LISTED
    assert help["FC318", "two.py"].endswith("to `dependencies` of the endpoint that needs it")


def test_a_project_without_endpoints_is_written_as_its_dialects_are(tmp_path: Path) -> None:
    files = {"id_rsa": KEY, "a.py": "import toy\n"}
    flash = compile_files(tmp_path, files, dialects=(FLASH, Toy()))
    assert "by `env=`" in first_help(flash, "FC009")
    assert "by `env=`" not in first_help(compile_files(tmp_path, files, dialects=(Toy(),)), "FC009")


def test_an_excluded_module_is_recognised_by_the_calls_of_its_dialect(tmp_path: Path) -> None:
    files = {
        "a.py": "x = 1\n",
        "later/b.py": f"{TOY}{QUEUE}    return x\n",
        ".flashignore": "later/",
    }
    found = compile_files(tmp_path, files, dialects=(FLASH, Toy())).found("FC006")
    (note,) = found.notes
    assert note.startswith("`later/b.py` declares one, but the pattern `later/`")


def test_a_parameter_is_marked_by_its_name_in_the_dialect(tmp_path: Path) -> None:
    class Renamed(Toy):
        """The same SDK, if its parameter for the hardware were `name`."""

        spelling = Spelling(name="gpu", hardware="name")

    text = f"import toy\napp = toy.App('a')\n{QUEUE}    return x\n"
    text += "@app.queue(name='f', gpu='ADA_24')\nasync def g(x: int) -> int:\n    return x\n"
    spans = {
        kind: compile_files(tmp_path, {"a.py": text}, dialects=(kind(),)).found("FC202").location
        for kind in (Toy, Renamed)
    }
    lines = text.splitlines()
    assert [
        lines[span.line - 1][span.column - 1 : span.end_column - 1]  # type: ignore[union-attr]
        for span in spans.values()
    ] == ["'f'", "'ADA_24'"]


def test_builds_and_artifacts_ask_for_packages_as_the_dialect_does(tmp_path: Path) -> None:
    text = f"import sheets\n{TOY}@app.get('/x')\ndef f(): return sheets.x\n"
    files = {"a.py": text, "requirements.txt": "sheets\n"}
    packages = (Package("sheets", "1.0", ("parts",)), Package("parts", "1.0"))
    root = write(tmp_path / "app", files)
    with package_index({}, packages) as (address, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", address)
        patch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        result = build_project(opened(root, no_deps=True), dialects=(Toy(),))
        missed = next(each for each in result.diagnostics if each.rule.code == "FC419")
        assert missed.help[0].startswith('add `"parts"` to the project\'s requirements, or build')
        text = text.replace("import sheets", "import sheets, nothing")
        write(root, {"a.py": text.replace("sheets.x", "nothing.x")})
        found = build_project(opened(root), dialects=(Toy(),)).diagnostics
        fails = next(each for each in found if each.rule.code == "FC420")
        assert fails.help[0] == (
            "add the package that installs `nothing` to the project's requirements"
        )
        write(root, {"a.py": f"{TOY}{QUEUE}    import sheets\n    return sheets.x\n"})
        artifact = build_project(opened(root, exclude=("sheets",)), dialects=(Toy(),)).artifact
    assert artifact is not None
    for dialects, place in ((None, "`dependencies`"), ((Toy(),), "the project's requirements")):
        (diagnostic,) = verify_artifact(artifact, dialects=dialects).diagnostics
        assert diagnostic.help[0] == f"add the package to {place}, or catch the ImportError"


# The spelling of a dialect -----------------------------------------------------------------------


def test_the_spelling_of_flash_is_that_of_its_parameters() -> None:
    fields = {*Configuration.__struct_fields__, *Resources.__struct_fields__, "name", "image"}
    names = [getattr(FLASH.spelling, name) for name in Spelling.__struct_fields__ if name in fields]
    assert len(names) == 11
    assert {*names} <= NAMES
    assert LEGACY.spelling == FLASH.spelling


def test_what_no_dialect_writes_is_left_out() -> None:
    assert alternatives(None, None) == ()
    assert alternatives(None, "a", None) == ("a",)
    assert alternatives("a", "b") == ("a, or b",)
    assert alternatives("a", "b", "c") == ("a, b, or c",)
    assert Spelling().passing("X") is None
    assert first_of(()) == Spelling()
    toy = first_of((Toy.spelling, FLASH.spelling))
    assert (toy.polled_route, toy.environment) == ('@app.get("/health")', "env")


def test_only_the_rooms_of_dialects_know_how_declarations_are_written() -> None:
    pattern = re.compile(
        rf"`(?:{'|'.join(sorted(NAMES))})(?:`|=(?!=))|@api\b|(?<!\w)Endpoint\(|`flash`"
    )
    modules = [*(ROOT / "flashc" / "passes").glob("*.py")]
    modules += (ROOT / "flashc" / "frontend").glob("*.py")
    for room in (ROOT / "backends" / "flashc_backends").iterdir():
        if room.name not in ("platform", "runtime", "skeletons"):  # they get a manifest, no program
            modules += room.rglob("*.py")
    for path in modules:
        assert not [text for text in texts_of(path) if pattern.search(text)], path
        assert not re.search(r"\bspan_of\(\s*\"", path.read_text(encoding="utf-8")), path
