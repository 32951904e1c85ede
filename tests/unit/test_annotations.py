"""Which literals an annotation accepts: what FC312 compares an argument with."""

from __future__ import annotations

import pytest

from flashc.passes.annotations import json_types

NUMBER = {"float", "int", "bool"}


@pytest.mark.parametrize(
    ("annotation", "accepted"),
    [
        ("str", {"str"}),
        ("bool", {"bool"}),
        ("int", {"int", "bool"}),
        ("float", NUMBER),
        ("None", {"None"}),
        ("list", {"list"}),
        ("dict", {"dict"}),
        ("  str ", {"str"}),
        # Names of `typing` and `collections.abc`, whatever they are imported as.
        ("typing.List", {"list"}),
        ("t.Dict", {"dict"}),
        ("collections.abc.Mapping", {"dict"}),
        ("Sequence", {"list", "str"}),
        # Generics: what is inside does not matter to a literal's own type.
        ("list[int]", {"list"}),
        ("dict[str, list[int]]", {"dict"}),
        ("typing.Sequence[str]", {"list", "str"}),
        ("List[Unknown]", {"list"}),
        # Unions in all their spellings.
        ("Optional[str]", {"str", "None"}),
        ("typing.Optional[list[int]]", {"list", "None"}),
        ("Union[int, str]", {"int", "bool", "str"}),
        ("typing.Union[int, None]", {"int", "bool", "None"}),
        ("Union[str]", {"str"}),
        ("int | None", {"int", "bool", "None"}),
        ("str | list[int] | None", {"str", "list", "None"}),
        ("Optional[Union[int, dict]]", {"int", "bool", "dict", "None"}),
        ("Optional[int | str]", {"int", "bool", "str", "None"}),
        # Forward references.
        ("'str'", {"str"}),
        ("'int | None'", {"int", "bool", "None"}),
        ("Optional['float']", {*NUMBER, "None"}),
        ("list['Item']", {"list"}),
    ],
)
def test_an_annotation_of_plain_types(annotation: str, accepted: set[str]) -> None:
    found = json_types(annotation)
    assert found is not None
    assert found == accepted


@pytest.mark.parametrize(
    "annotation",
    [
        "Any",
        "object",
        "Item",
        "np.ndarray",
        "Literal['a']",
        "Annotated[str, 1]",
        "Callable[[int], str]",
        "set[int]",
        # One part that is not understood may accept anything.
        "Item | None",
        "int | np.ndarray",
        "Optional[Item]",
        "Union[int, Item]",
        "Optional['Item']",
        # No type at all.
        "",
        "1",
        "int +",
        "f()",
        "a.b().c",
        "int & str",
        "'int +'",
        "x" * 10 + "\0",
    ],
)
def test_an_annotation_that_says_something_else_accepts_anything(annotation: str) -> None:
    assert json_types(annotation) is None


@pytest.mark.parametrize("annotation", ["list[" * 500, "(" * 400 + "int" + ")" * 400])
def test_an_annotation_that_no_parser_takes(annotation: str) -> None:
    assert json_types(annotation) is None
