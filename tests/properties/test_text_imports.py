"""A search through a text finds every import that the parser finds."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.imports.text_imports import has_dynamic_imports, possible_imports
from flashc_ir.modules import Origin

# Names that contain a keyword, or are spelled in another way than Python spells them.
NAMES = st.sampled_from(["a", "b", "from_x", "importer", "reimport", "xfrom", "größe", "\ufb01le"])
DOTTED = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
SPACED = st.lists(NAMES, min_size=1, max_size=3).map(" . ".join)
MODULE = st.one_of(
    DOTTED,
    SPACED,
    st.builds("{}{}".format, st.sampled_from([".", "..", " . "]), DOTTED),
    st.sampled_from([".", ". .", " .."]),
)
TEMPLATES = (
    "import {0}\n",
    "import {0} as x, {1}\n",
    "import {0}, \\\n  {1}\n",
    "import {0}  # and from {1} import y\n",
    "from {2} import {3}\n",
    "from {2} import {3} as y, {4}\n",
    "from {2} import(  # import ) from\n    {3},  # see {0}\n    {4} as z,\n)\n",
    "from {2} \\\n    import \\\n    {3}\n",
    "from {2} import *\n",
    "if a: import {0}; from {2} import {3}\n",
    "try:\n    import {0}\nexcept ImportError:\n\tfrom {2} import {4}\n",
    "def f():\n    from {2} import {3}; import {1}\n",
    "x = 'import ('; from {2} import {3}\n",
    "# import (\nfrom {2} import {4}\n",
    "'''from x\nimport ('''\nimport {0}\n",
    "yield_from = 1; import {0}\r\n",
    "importlib.import_module('{0}')\n",
)
STATEMENTS = st.builds(str.format, st.sampled_from(TEMPLATES), DOTTED, SPACED, MODULE, NAMES, NAMES)


class _Everything:
    """A project in which every name is that of a module."""

    def has(self, name: str) -> bool:
        return bool(name)

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        return Origin.PROJECT


@given(st.lists(STATEMENTS, max_size=5).map("".join))
def test_no_import_is_left_out(text: str) -> None:
    imports, _ = collect_imports_ast("p/q/m.py", "p.q.m", False, text, _Everything())
    possible = possible_imports(text, "p.q")
    if possible is None:
        assert has_dynamic_imports(text)
        return
    for item in imports:
        if item.names is None:
            parts = item.module.split(".")
            bound = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
            assert all("*" in possible[name] for name in bound)
            continue
        for name in item.names:
            assert not possible[item.module].isdisjoint({name.name, "*"})
            assert name.submodule is None or "*" in possible[name.submodule]


def test_the_time_does_not_grow_with_the_square_of_the_text() -> None:
    for piece in (
        "import ",
        "import (",
        "from ",
        "from.",
        "from.import ",
        "import (#",
        "import \\\n",
    ):
        possible_imports(piece * 30_000, "p")
