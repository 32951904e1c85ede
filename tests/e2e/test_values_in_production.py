"""Every kind of value under the loop in which the platform's SDK takes jobs and reports results.

The SDK's local server would hide a result that is lost.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from flashc_backends.runtime.codec import codec_of
from flashc_core.archives import unpack
from tests.support.codec_kinds import KINDS, REFUSED, SHAPES, worker
from tests.support.environments import make_environment
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import built, write
from tests.support.worker_image import ImageWorker, image_worker

SHAPES_MODULE = types.ModuleType("shapes_of_every_kind")
NAMES = vars(SHAPES_MODULE)
sys.modules[SHAPES_MODULE.__name__] = SHAPES_MODULE
exec(compile(SHAPES, "shapes.py", "exec", dont_inherit=True), NAMES)


@pytest.fixture(scope="module", params=["runpod==1.12.0", "runpod==2.0.0rc2"])
def kinds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageWorker]:
    folder = tmp_path_factory.mktemp("kinds")
    oldest = oldest_worker_python()
    packages = (request.param, "numpy", "pydantic", "attrs")
    python = make_environment(folder / "env", *packages, python=oldest.path)
    project = write(folder / "project", {"worker.py": worker()})
    unpack(built(project, folder / "a.tar.gz", python_version=oldest.minor), folder / "app")
    with image_worker(python, folder / "app", "kinds") as started:
        yield started


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of equal types, also inside."""
    if isinstance(one, numpy.ndarray):
        is_number = one.dtype.kind in "fc"
        return one.dtype == other.dtype and numpy.array_equal(one, other, equal_nan=is_number)
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.mark.parametrize("method", ["plain", "later", "items", "items_later"])
def test_every_kind_of_value_comes_back_as_it_was(kinds: ImageWorker, method: str) -> None:
    codecs = [codec_of(eval(annotation, NAMES)) for annotation, _ in KINDS]
    rounds = [
        [eval(values[number % len(values)], NAMES) for _, values in KINDS]
        for number in range(max(len(values) for _, values in KINDS))
    ]
    sent = [
        {f"v{n}": c.encode(v) for n, (c, v) in enumerate(zip(codecs, values, strict=True))}
        for values in rounds
    ]
    for values, result in zip(
        rounds, kinds.run(*({**v, "method": method} for v in sent)), strict=True
    ):
        output = result["output"][0] if method.startswith("items") else result["output"]
        for (annotation, _), codec, value, data in zip(KINDS, codecs, values, output, strict=True):
            found = codec.load(data)
            assert same(found, value), (annotation, value, data, found)


def test_what_json_cannot_carry_fails_with_its_place(kinds: ImageWorker) -> None:
    results = kinds.run(*({"method": f"refused_{number}"} for number in range(len(REFUSED))))
    for number, ((_, _, words), result) in enumerate(zip(REFUSED, results, strict=True)):
        said = result.get("error", "")
        assert f"the result of refused_{number}(){words}" in said, result


def test_without_an_annotation_only_json_travels(kinds: ImageWorker) -> None:
    sent = [
        {"method": "loose_set"},
        {"method": "loose_date"},
        {"method": "loose", "v": [1, {"a": None}]},
    ]
    refused, odd, fine = kinds.run(*sent)
    assert "the result of loose_set() is a builtins.set" in refused["error"]
    assert "the result of loose_date()[0] is a datetime.date" in odd["error"]
    assert "annotate the result" in odd["error"]
    assert fine == {"output": [1, {"a": None}]}
