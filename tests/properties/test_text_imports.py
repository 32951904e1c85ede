"""A search through a text finds every import that the parser finds."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from flashc.syntax.host import Refusal, compile_text
from flashc.syntax.names import collect_names
from flashc.syntax.parse import parse
from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.imports.text_imports import has_dynamic_imports, possible_imports
from flashc_ir.modules import Import, Origin

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


BLOCKS = (
    "if a:",
    "if TYPE_CHECKING:",
    "if typing.TYPE_CHECKING:",
    "if not typing.TYPE_CHECKING:",
    "if not TYPE_CHECKING:\n    pass\nelse:",
    "if not TYPE_CHECKING:\n    pass\nelif a:",
    "if __name__ == '__main__':",
    "if '__main__' == __name__:",
    "if __name__ == '__main__' or a:",
    "if a:\n    pass\nelse:",
    "if __name__ == '__main__':\n    pass\nelse:",
    "for a in b:",
    "while a:",
    "with a:",
    "async def f(a=1):",
    "class C:",
    "class C(a):\n    b = 1\n    def f(self):\n        pass\n    if a:\n        pass\nif a:",
    "match a:\n  case 1:",
    "try:\n    pass\nexcept ImportError:",
    "try:\n    pass\nfinally:",
)
CODE = st.one_of(
    STATEMENTS.map(lambda text: text.replace("\r\n", "\n")),
    st.builds(
        str.format,
        st.sampled_from(
            [
                "a = 1\n",
                "x = [lambda: importlib . import_module('{0}')]\n",
                "f(\n  subprocess.run(\n['python', '-m', '{0}'])\n)\n",
                "import os; os.system('python -m {0}')\n",
                "@f(__import__('{0}'))\ndef g(): pass\n",
                "@a\n@f(__import__('{0}'))\nclass C: pass\n",
                "def g(a=__import__('{0}'), *, c=__import__('a')): pass\n",
                "class C(__import__('{0}'), b=__import__('a')): pass\n",
                "if __import__('{0}'): pass\n",
                "if __name__ == '__main__': __import__('{0}')\n",
                "try: pass\nexcept __import__('{0}').E: pass\n",
                "with __import__('{0}') as a, b: pass\n",
                "for a in __import__('{0}'): pass\n",
                "while __import__('{0}'): pass\n",
                "match __import__('{0}'):\n  case 1 if __import__('b'): pass\n",
                "x = (a for a in __import__('{0}') if __import__('a'))\n",
                'x = """\nimport {0}\n"""\n',
            ]
        ),
        DOTTED,
    ),
)


def _place(item: Import) -> tuple[int, int]:
    """Where an import begins."""
    return item.span.line, item.span.column


def _inside(block: str, code: list[str]) -> str:
    """Statements in a block."""
    lines = "".join(code).splitlines(keepends=True) or ["pass\n"]
    body = textwrap.indent("".join(lines), "    ", lambda _line: True)
    return f"{block}\n{body}" if "case" not in block else f"{block}\n{textwrap.indent(body, '  ')}"


MODULES = st.recursive(
    CODE,
    lambda code: st.builds(_inside, st.sampled_from(BLOCKS), st.lists(code, max_size=3)),
    max_leaves=6,
)


@given(st.lists(MODULES, max_size=4).map("".join), st.sampled_from(["\n", "\r\n"]))
def test_both_parsers_find_the_same_imports(text: str, end: str) -> None:
    # LibCST keeps names as they are written
    text = normalize("NFKC", text).replace("\n", end)
    if isinstance(compile_text(text), Refusal):
        return  # such as `import *` in a function, or a string that ends early
    imports, problems = collect_imports_ast("p/q/m.py", "p.q.m", False, text, _Everything())
    names = collect_names(parse("p/q/m.py", "p.q.m", False, text), _Everything())
    assert sorted(imports, key=_place) == sorted(names.imports, key=_place)
    assert problems == names.import_problems


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
