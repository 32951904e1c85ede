"""YAML files and configurations of OmegaConf have the values that the libraries give them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from omegaconf import DictConfig, ListConfig, OmegaConf

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.library import configs
from flashc.evaluator.values import Known, Unknown, Value, concrete
from flashc.project.project import Project
from flashc.syntax.parse import parse
from flashc_ir.program import ProjectFile
from tests.support.values import read

YAML = """
defaults: &defaults
  idle: 30
  packages: [idna, "click"]
endpoint:
  <<: *defaults
  name: w
  workers: [0, 3]
  ratio: 1e3
  on: yes
  none: ~
  day: 2026-01-02
  sized: 0x10
again: *defaults
"""
CONFIG = """
name: app
stage: ${oc.env:STAGE,dev}
region: ${oc.env:REGION,null}
must: ???
endpoint:
  name: ${name}-${stage}
  workers: [0, "${endpoint.high}"]
  high: 3
  rate: 1e3
  day: 2026-01-02
  inner: {up: "${..high}", here: "${.next}", next: 7}
  none: null
deps: [einops>=0.8, "torch==${versions.torch}"]
versions: {torch: "2.9", 7: seven}
first: ${deps[0]}
seventh: ${versions.7}
mixed: [{inner: 1, must: "???"}, null, text, "???", "${mixed[0]}"]
whole: ${mixed}
_target_: a.b
bad: ${nobody:knows}
lost: ${nowhere}
hidden: {_content: 1}
"""


def machine_of(folder: Path, text: str, variables: dict[str, str]) -> Interpreter:
    """Return a machine that has executed a module next to the files of a folder."""
    files = tuple(
        ProjectFile(
            path=path.name,
            digest=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
        )
        for path in sorted(folder.iterdir())
    )
    project = Project(
        root=folder, files=files, modules={"m": "m.py"}, packages=frozenset(), exclusions=()
    )
    syntax = parse("m.py", "m", False, text)
    machine = Interpreter(project=project, load={"m": syntax}.get, environment=variables)
    machine.evaluate_module("m")
    return machine


def plain(value: Any) -> Any:
    """Return configurations as dicts and lists."""
    if isinstance(value, (DictConfig, ListConfig)):
        return OmegaConf.to_container(value, resolve=True)
    return [plain(each) for each in value] if isinstance(value, list) else value


HEAD = """
from pathlib import Path
import yaml
from omegaconf import OmegaConf
HERE = Path(__file__).parent
with open(HERE / "plain.yaml") as file:
    y = yaml.safe_load(file)
c = OmegaConf.load(HERE / "config.yaml")
"""


def both(
    folder: Path, text: str, shown: list[str], variables: dict[str, str], patch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], dict[str, Value]]:
    """Return what Python computes for some expressions, and what flashc does."""
    (folder / "plain.yaml").write_text(YAML)
    (folder / "config.yaml").write_text(CONFIG)
    lines = [f"shown{index} = {each}" for index, each in enumerate(shown)]
    program = "\n".join([HEAD, dedent(text), *lines, ""])
    patch.setattr(os, "environ", dict(variables))
    names: dict[str, Any] = {"__file__": str(folder / "m.py"), "__name__": "m"}
    exec(program, names)
    machine = machine_of(folder, program, variables)
    expected = {each: plain(names[f"shown{index}"]) for index, each in enumerate(shown)}
    found = {
        each: read(machine, machine.frames["m"].names[f"shown{index}"])
        for index, each in enumerate(shown)
    }
    return expected, found


SHOWN = [
    'y["endpoint"]["name"]',
    'y["endpoint"]["packages"]',
    'y["endpoint"]["ratio"]',
    'y["endpoint"][True]',
    'y["endpoint"]["none"]',
    'y["endpoint"]["sized"]',
    'y["endpoint"]["day"].isoformat()',
    'y["again"] is y["defaults"]',
    'yaml.load("a: [1, 2]", Loader=yaml.FullLoader)["a"]',
    "c.name",
    "c.stage",
    "c.region",
    "c.endpoint.name",
    'c["endpoint"]["high"]',
    "tuple(c.endpoint.workers)",
    "list(c.deps)",
    "len(c.deps), len(c.versions)",
    "c.endpoint.rate",
    "c.endpoint.day",
    "c.endpoint.inner.up",
    "c.endpoint.inner.here",
    'c.get("absent"), c.get("absent", 4), c.get("must", 5), c.endpoint.get("none", 6)',
    '"must" in c, "name" in c, "absent" in c, "none" in c.endpoint',
    "c.first",
    "c.seventh",
    "{**c.endpoint.inner}",
    "sorted(c.endpoint.inner.keys())",
    "[key for key in c.endpoint.inner]",
    "{key: value for key, value in c.endpoint.inner.items()}",
    "OmegaConf.to_container(c.endpoint, resolve=True)",
    "OmegaConf.to_container(c.endpoint.inner)",
    'OmegaConf.select(c, "endpoint.inner.next"), OmegaConf.select(c, "endpoint.x", default=1)',
    'OmegaConf.merge(c, {"endpoint": {"high": 9}}).endpoint.workers[1]',
    'OmegaConf.merge(c, OmegaConf.create("name: other")).endpoint.name',
    'list(OmegaConf.merge({"l": [1, 2]}, {"l": [3]}).l)',
    'OmegaConf.create({"a": {"b": [1, 2]}}).a.b[1]',
    "OmegaConf.is_dict(c), OmegaConf.is_list(c.deps), OmegaConf.is_config(1)",
    "c.deps[0:1]",
    *(
        f"OmegaConf.select(c, {path!r}, default=7), OmegaConf.select(c, {path!r})"
        for path in (
            "deps.1 deps[1] [deps][1] deps.9 deps[9].x deps.0.x endpoint[workers].0 endpoint.workers[1] mixed.0.inner"
            " mixed[0][inner] mixed.0.must mixed.0.must.x mixed.1 mixed.2 mixed.2.x mixed.3 mixed.4.inner must must.x"
            " endpoint.none endpoint.none.x name.x endpoint.high.x absent.x endpoint.inner.up whole.0.inner"
        ).split()
    ),
    'OmegaConf.select(c.mixed, "[0].inner"), OmegaConf.select(c.mixed, "9", default=8)',
    "OmegaConf.to_container(c.mixed[0], throw_on_missing=False)",
    "OmegaConf.to_container(c.endpoint.inner, resolve=True, throw_on_missing=True)",
    "c.endpoint.workers.index(0), c.deps.count(0)",
    "c._target_",
    'hasattr(c, "absent"), getattr(c, "absent", 4)',
]


@pytest.mark.parametrize("variables", [{}, {"STAGE": "prod", "REGION": "eu"}])
def test_files_have_the_values_that_the_libraries_read(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, found = both(tmp_path, "", SHOWN, variables, monkeypatch)
    for text, value in found.items():
        assert isinstance(value, Known), (text, value)
        assert concrete(value) == expected[text], text


def test_what_a_program_changes_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    c.endpoint.high = 5
    c["name"] = "changed"
    OmegaConf.set_struct(c, True)
    """
    shown = ["c.endpoint.workers[1]", "c.endpoint.name"]
    expected, found = both(tmp_path, text, shown, {}, monkeypatch)
    for each, value in found.items():
        assert isinstance(value, Known)
        assert value.value == expected[each]


@pytest.mark.parametrize(
    "text",
    [
        "c.must",
        "c.deps.append(1) or c.deps",
        "isinstance(c.deps, list)",
        "OmegaConf.from_cli()",
        'OmegaConf.create("a: ${now:%Y}").a',
        'OmegaConf.create("a: ${a}").a',
        'OmegaConf.create("a: [${a}]").a',
        'OmegaConf.create("a: 1\\na: 2")',
        'OmegaConf.create("text")',
        'OmegaConf.create("5")',
        'OmegaConf.select(c, "bad.x", default=7)',
        'OmegaConf.select(c, "bad", default=7)',
        'OmegaConf.select(c, "lost.x", default=7)',
        'OmegaConf.select(c, "stage.x", default=7)',
        'OmegaConf.select(c, "deps.x", default=7)',
        'OmegaConf.select(c, "deps.-1", default=7)',
        'OmegaConf.select(c, "versions.7", default=7)',
        'OmegaConf.select(c, "deps[0", default=7)',
        'OmegaConf.select(c, "endpoint..name", default=7)',
        'OmegaConf.select(c, "must", throw_on_missing=True)',
        'c.update({"new": 1}) or OmegaConf.select(c, "new", default=7)',
        "OmegaConf.to_container(c.mixed[0], throw_on_missing=True)",
        "OmegaConf.to_container(c.mixed, throw_on_missing=True)",
        "OmegaConf.to_object(c.mixed[0])",
        "OmegaConf.to_object(c.endpoint.inner, resolve=True)",
        "OmegaConf.to_container(c.endpoint.inner, resolve=1)",
        "c.get(default_value=1)",
        'c.merge_with({"name": "other"}) or c.name',
        'c._set_flag("struct", True) or c.name',
        "c.hidden._content",
        "c.__dict__",
        'hasattr(c, "merge_with")',
        "c._absent",
        "c.deps.merge_with([1]) or c.deps",
        "c.deps.get(0)",
        "c.deps.is_empty()",
        "c.deps.copy()",
        "c.deps.absent",
        "c.deps._content",
        'yaml.safe_load("a: !include b")',
        'yaml.safe_load("a: [")',
        'yaml.load("a: 1", Loader=Custom)',
        'yaml.safe_load("a: " + "[" * 5000)',
    ],
)
def test_what_is_not_certain_is_unknown(text: str, tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(YAML)
    (tmp_path / "config.yaml").write_text(CONFIG)
    machine = machine_of(tmp_path, f"{HEAD}\nfrom somewhere import Custom\nshown = {text}\n", {})
    assert isinstance(machine.frames["m"].names["shown"], Unknown)


@pytest.mark.parametrize("name", [name for name in dir(DictConfig) if not name.startswith("__")])
def test_an_attribute_of_a_configuration_is_no_missing_key(name: str, tmp_path: Path) -> None:
    assert name in configs.METHODS or name.startswith("_")
    text = (
        f"from omegaconf import OmegaConf\nc = OmegaConf.create({{'a': 1}})\nshown = c.{name}()\n"
    )
    found = machine_of(tmp_path, text, {}).frames["m"].names["shown"]
    assert isinstance(found, (Known, Unknown))
    assert "Missing key" not in getattr(found, "reason", "")


@pytest.mark.parametrize("name", [name for name in dir(ListConfig) if name[0].islower()])
def test_a_method_of_a_list_of_a_configuration_is_no_missing_key(name: str, tmp_path: Path) -> None:
    assert name in configs.LIST_METHODS
    text = f"from omegaconf import OmegaConf\nc = OmegaConf.create([1])\nshown = c.{name}()\n"
    found = machine_of(tmp_path, text, {}).frames["m"].names["shown"]
    if name not in ("count", "index"):
        assert isinstance(found, Unknown)
        assert "Python raises" not in found.reason


def test_data_that_anchors_repeat_are_bounded(tmp_path: Path) -> None:
    aliases = ["a0: &a0 [x, x]"]
    merges = ["b0: &b0 {k: 1}"]
    for level in range(1, 60):
        aliases.append(f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]")
        merges.append(f"b{level}: &b{level} {{<<: [*b{level - 1}, *b{level - 1}], k{level}: 1}}")
    lines = "\n".join([*aliases, *merges])
    text = f"import yaml\nsmall = yaml.safe_load({lines!r})['a1']\nlarge = str(yaml.safe_load({lines!r}))"
    names = machine_of(tmp_path, text + "\n", {}).frames["m"].names
    assert isinstance(names["large"], Unknown)
    assert isinstance(names["small"], Unknown) or concrete(names["small"]) == [["x", "x"]] * 2
