"""The data files about the platform: each fact has its source and date, and they fit together."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from flashc_ir.platform.catalogue import POOL_MEMBERS, GpuGroup, GpuType
from flashc_ir.platform.distributions import distribution_facts, distribution_for_module
from flashc_ir.platform.facts import FOLDER
from flashc_ir.platform.gpus import gpu_memory
from flashc_ir.platform.images import image_facts, supported_pythons
from flashc_ir.platform.limits import time_limits
from flashc_ir.platform.prices import highest_price, prices
from flashc_ir.platform.sdk import surface
from flashc_ir.platform.variables import is_set_by_platform
from flashc_ir.platform.worker_files import worker_modules
from flashc_ir.platform.worker_packages import (
    modules_of_packages,
    worker_distributions,
    worker_facts,
    worker_versions,
)
from tests.support.projects import ROOT

FILES = sorted(FOLDER.iterdir())


def facts_in(document: Any) -> Iterator[dict[str, Any]]:
    """Every fact of a file: its objects, and the objects of its lists."""
    for value in document.values():
        yield from value if isinstance(value, list) else [value]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_every_fact_has_a_source_and_a_date(file: Any) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    facts = list(facts_in(document))
    assert facts
    for fact in facts:
        assert len(fact["source"]) > 10
        assert date(2026, 1, 1) <= date.fromisoformat(fact["date"]) <= date.today()
        assert set(fact) - {"source", "date", "note"}, "a fact that says nothing"


def test_every_file_is_read_by_a_loader() -> None:
    assert {file.name for file in FILES} == {
        "distributions.json",
        "gpus.json",
        "images.json",
        "limits.json",
        "prices.json",
        "sdk.json",
        "variables.json",
        "worker.json",
        "worker-files.json",
        "worker-packages.json",
    }
    assert surface().methods["get"] == ("path", "data")
    assert {"handler", "logger"} <= worker_modules().keys()
    assert "huggingface-hub" in worker_distributions()
    assert "huggingface_hub" in modules_of_packages()
    assert "pydantic>=2.11.4" in worker_facts().own.requirements
    assert time_limits().load_balancer_processing.milliseconds == 330_000
    assert (
        highest_price(prices().pools, ["AMPERE_16", "ADA_24"])
        == prices().pools.per_second["ADA_24"]
    )
    assert highest_price(prices().pools, ["AMPERE_16", "unknown"]) is None
    assert is_set_by_platform("RUNPOD_POD_ID")
    assert is_set_by_platform("PATH")
    assert not is_set_by_platform("TOKEN")


def test_every_gpu_has_a_memory_and_a_pool_that_of_its_smallest_model() -> None:
    memory = gpu_memory()
    assert set(memory) == {each.value for each in (*GpuGroup.all(), *GpuType.all())}
    for pool, models in POOL_MEMBERS.items():
        assert memory[pool.value] == min(memory[model.value] for model in models)


def test_images_speak_of_supported_pythons_and_known_kinds() -> None:
    facts = image_facts()
    assert list(supported_pythons()) == sorted(supported_pythons(), key=Version)
    assert facts.repositories.names.keys() == facts.overrides.names.keys()
    for package in facts.packages:
        assert set(package.pythons) <= set(supported_pythons())
        assert list(package.versions) == sorted(package.versions, key=Version)
    for python in supported_pythons():
        for known in worker_versions(python).values():
            assert list(known.versions) == sorted(known.versions, key=Version)


def test_distributions_are_normalized() -> None:
    facts = distribution_facts()
    named = {name for names in facts.import_names.names.values() for name in names}
    for names in (
        named,
        worker_distributions(),
        facts.commonly_transitive.names,
        facts.not_imported_directly.names,
    ):
        assert all(canonicalize_name(name) == name for name in names)
    assert set(facts.ambiguous_modules.names) <= set(facts.import_names.names)
    assert distribution_for_module("sklearn") == "scikit-learn"
    assert distribution_for_module("scikit-learn") is None
    assert distribution_for_module("magic") is None


def test_no_fact_is_read_before_it_is_asked_for() -> None:
    """Importing what a cached check imports opens no data file."""
    program = (
        "import sys\nopened = []\n"
        "sys.addaudithook(lambda e, a: opened.append(str(a[0])) if e == 'open' else None)\n"
        "import flashc.api.check, flashc.passes\n"
        "assert not [name for name in opened if '/platform/data/' in name]\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/ir:{ROOT}/backends"},
        check=True,
    )


def test_the_data_is_a_part_of_the_wheel() -> None:
    """Hatchling packs whole packages; nothing excludes the data files."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = configuration["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "ir/flashc_ir" in wheel["packages"]
    assert not {"exclude", "only-include", "include"} & wheel.keys()
    assert FOLDER == ROOT / "ir" / "flashc_ir" / "platform" / "data"
