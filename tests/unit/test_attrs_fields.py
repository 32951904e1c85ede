"""The options of a field of attrs are read as `attr.ib` takes them."""

from __future__ import annotations

import inspect
from pathlib import Path

import attr
import pytest

from flashc.frontend.schemas import decorators
from flashc_ir.endpoints import QueueFunction
from flashc_ir.schemas import Anything, Definition, Record
from tests.support.projects import compile_files

HEAD = """
import attr
import attrs
from flashc import Endpoint

def check(instance, attribute, value): ...

OPTIONS = {"converter": int}
"""


def definition_of(folder: Path, field: str) -> Definition:
    """Return what the schema says of a class with a field `n: int = field`."""
    source = (
        f"{HEAD}\n@attr.dataclass\nclass Item:\n    n: int = {field}\n\n"
        "@Endpoint(name='w', cpu='cpu3c-1-2')\ndef run(item: Item): ...\n"
    )
    (endpoint,) = compile_files(folder, {"w.py": source}).valid.code_endpoints
    assert isinstance(endpoint, QueueFunction)
    assert endpoint.function.interface is not None
    (found,) = endpoint.function.interface.definitions
    return found


@pytest.mark.parametrize(
    ("field", "is_required"),
    [
        ("attr.ib()", True),
        ("attr.ib(1)", False),
        ("attr.ib(1, check)", False),
        ("attr.ib(validator=check)", True),
        ("attr.ib(attr.NOTHING, check)", True),
        ("attrs.field(default=attrs.NOTHING)", True),
        ("attr.ib(attr.NOTHING, None, True, None, None, False)", False),
        ("attr.ib(attr.NOTHING, None, True, None, None, True)", True),
        ("attr.ib(attr.NOTHING, None, True, None, None, True, None, None, None, list)", None),
        ("attr.ib(attr.NOTHING, None, True, None, None, True, None, None, int)", None),
        ("attr.ib(1, check, converter=int)", None),
        ("attr.ib(**OPTIONS)", None),
        ("attr.ib(*[1, check])", None),
    ],
)
def test_a_field_has_the_options_that_its_positions_give(
    field: str, is_required: bool | None, tmp_path: Path
) -> None:
    schema = definition_of(tmp_path, field).schema
    if is_required is None:  # code may convert the value
        assert isinstance(schema, Anything)
    else:
        assert isinstance(schema, Record)
        (found,) = schema.properties
        assert found.required is is_required


def test_the_positions_are_those_of_attrs() -> None:
    assert list(inspect.signature(attr.ib).parameters) == decorators.POSITIONS
    parameters = inspect.signature(attr.field).parameters.values()
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters)
