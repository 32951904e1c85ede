"""JSON of requests is refused beyond one depth, on every Python, wherever its brackets stand."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashc_backends.platform.http.asgi import Refused
from flashc_backends.platform.http.decoding import decode

ANY = msgspec.json.Decoder(Any)


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_the_limit_is_five_hundred(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    assert decode(nested(500, opening, closing, "1"), ANY, "request") is not None
    for depth in (501, 5_000, 200_000):
        with pytest.raises(Refused, match="nested too deeply"):
            decode(nested(depth, opening, closing, "1"), ANY, "request")


@pytest.mark.parametrize(
    "value", ["[" * 5000, '"[' * 900, "\\" * 501 + '"' + "{" * 900, ["[]"] * 900, [[1], {}] * 900]
)
def test_brackets_in_strings_and_beside_each_other_do_not_count(value: Any) -> None:
    assert decode(json.dumps(value).encode(), ANY, "request") == value


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_json_writes_is_read(value: Any) -> None:
    body = json.dumps([value] * 600).encode()
    found: Any = decode(body, ANY, "request")
    assert found == [value] * 600


def test_a_text_that_never_ends_is_refused() -> None:
    for body in (b"[" * 600, b'["' + b"[" * 600, b"{" * 600, b"]" * 600):
        with pytest.raises(Refused):
            decode(body, ANY, "request")
