"""Find the folders of a project that the program itself adds to `sys.path`, such as `src`.

Python imports the modules in such a folder without its name.  The program is not
run: only paths that are built from `__file__` and constants are recognised.
"""

from __future__ import annotations

import ast
import pickle
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct, field

from flashc_core.processes import on_all_processors
from flashc_core.python_texts import parse_module

from .top_statements import TopStatements, Unclear

_WORKER_ROOT = "/app"
# Code that changes `sys.path`; most modules that mention it only read it.
_CHANGE = re.compile(
    rb"sys\s*\.\s*path[\s)]*(?:\.\s*(?:insert|append|extend)\b|\[|\+?=(?!=))|addsitedir"
)
# Bytes of source; for less, starting processes takes longer than it saves.
_MIN_PARALLEL_SIZE = 2_000_000
_SHARES = 4
_METHODS = ("insert", "append")
# Functions that return the same path in another form.
_SAME = frozenset(
    "str Path pathlib.Path os.fspath os.path.abspath os.path.realpath os.path.normpath".split()
)
_SAME_METHODS = frozenset({"resolve", "absolute", "as_posix", "expanduser"})


class AddedFolder(Struct, frozen=True):
    """A folder that the module at `path` adds to `sys.path` in `line`; relative to the root."""

    folder: str
    path: str
    line: int

    @property
    def is_outside(self) -> bool:
        """Whether the folder is outside the project."""
        return self.folder == ".." or self.folder.startswith("../")


def added_folders(texts: Mapping[str, bytes]) -> tuple[AddedFolder, ...]:
    """Return the folders that modules add to `sys.path`; `texts` are the modules by path."""
    changing = [
        (path, data)
        for path, data in sorted(texts.items())
        # the first two searches are faster than the third
        if (b"sys.path" in data or b"addsitedir" in data) and _CHANGE.search(data)
    ]

    def added_by_share(number: int) -> bytes:
        """Return the pickled folders that every fourth of the modules adds, by the path of the module."""
        share = changing[number::_SHARES]
        return pickle.dumps({path: tuple(added_by_module(path, data)) for path, data in share})

    shares: Iterator[bytes]
    if sum(len(data) for _, data in changing) > _MIN_PARALLEL_SIZE:
        shares = on_all_processors(added_by_share, _SHARES)
    else:
        shares = map(added_by_share, range(_SHARES))
    found: dict[str, tuple[AddedFolder, ...]] = {}
    for share in shares:
        found |= pickle.loads(share)  # from a process that this one started
    return tuple(added for path, _ in changing for added in found[path])


def source_roots(
    added: Collection[AddedFolder], texts: Mapping[str, bytes], folders: Collection[str]
) -> tuple[str, ...]:
    """Return the folders of the project that modules add to `sys.path`, the longest first.

    `folders` are all folders of the project.  The root itself is no result.  Neither is a package,
    nor a folder with modules that declare endpoints: these are imported from the root.
    """
    return tuple(
        sorted(
            (
                folder
                for folder in {each.folder for each in added}
                if folder in folders
                and f"{folder}/__init__.py" not in texts
                and not _has_endpoints(folder, texts)
            ),
            key=lambda folder: (-len(folder), folder),
        )
    )


def _has_endpoints(folder: str, texts: Mapping[str, bytes]) -> bool:
    """Return whether a module below a folder seems to declare an endpoint."""
    return any(
        b"Endpoint(" in data or b"@remote(" in data
        for path, data in texts.items()
        if path.startswith(f"{folder}/")
    )


def added_by_module(path: str, data: bytes) -> tuple[AddedFolder, ...]:
    """Return the folders that one module adds."""
    try:
        return tuple(added_by_statements(path, data))
    except Unclear:
        return tuple(added_by_tree(path, data))


def added_by_statements(path: str, data: bytes) -> Iterator[AddedFolder]:
    """Yield the folders that one module adds, from the statements that add some.

    Raises:
        Unclear: the whole module has to be parsed.
    """
    statements = TopStatements(data)
    reader = _PathReader(path, statements.assignments)
    line, counted = 0, 0
    for begin in statements.begins_of(match.start() for match in _CHANGE.finditer(data)):
        line, counted = line + data.count(b"\n", counted, begin), begin
        yield from _added_in(statements.parse(begin), reader, path, line)


def added_by_tree(path: str, data: bytes) -> Iterator[AddedFolder]:
    """Yield the folders that one module adds, from the tree of the module."""
    try:
        tree = parse_module(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # a module that can't be parsed is reported elsewhere
    names = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    lines = [data.count(b"\n", 0, match.start()) + 1 for match in _CHANGE.finditer(data)]
    changing = [
        node
        for node in tree.body
        if any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in lines)
    ]
    reader = _PathReader(path, names)
    yield from _added_in(ast.Module(body=changing, type_ignores=[]), reader, path, 0)


def _added_in(
    tree: ast.Module, reader: _PathReader, path: str, lines_above: int
) -> Iterator[AddedFolder]:
    """Yield the folders that statements add; `lines_above` is the number of lines above the tree."""
    for node in ast.walk(tree):
        for folder in _expressions(node):
            read = reader.path_of(folder)
            if read is not None:
                yield AddedFolder(read, path, lines_above + folder.lineno)


def _expressions(node: ast.AST) -> list[ast.expr]:
    """Return the expressions of the folders that a statement or call adds to `sys.path`."""
    match node:
        case ast.Call(
            func=ast.Attribute(
                attr=method, value=ast.Attribute(value=ast.Name(id="sys"), attr="path")
            ),
            args=[*_, folder],
        ) if method in _METHODS:
            return [folder]
        case ast.Call(func=ast.Attribute(attr="extend", value=value), args=[added]) if _is_path(
            value
        ):
            return _parts(added)
        case ast.Call(
            func=ast.Attribute(attr="addsitedir", value=ast.Name(id="site")), args=[folder]
        ):
            return [folder]
        case ast.AugAssign(target=target, value=added) if _is_path(target):
            return _parts(added)
        case ast.Assign(targets=[target], value=added) if _is_path(target):
            return _parts(added)
        case _:
            return []


def _is_path(node: ast.expr) -> bool:
    """Return whether an expression is `sys.path` or a part of it, such as `sys.path[:0]`."""
    node = node.value if isinstance(node, ast.Subscript) else node
    return ast.unparse(node) == "sys.path"


def _parts(node: ast.expr) -> list[ast.expr]:
    """Return the elements of a list, or of lists that are added."""
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return parts
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_parts(left), *_parts(right)]
        case _:
            return []


class _PathReader(Struct):
    """Reads paths out of expressions of one module; `names` are its assignments."""

    path: str
    names: Mapping[str, ast.expr]
    _pending: set[str] = field(default_factory=set[str])

    def path_of(self, node: ast.expr) -> str | None:
        """Return a path relative to the project's root, "" for the root; None if it is not known."""
        try:
            found = self._read(node)
        except RecursionError:  # names that are assigned to each other, a thousand times
            self._pending.clear()
            return None
        if found is None:
            return None
        found = posixpath.normpath(found)
        return "" if found == "." else None if found.startswith("/") else found

    def _read(self, node: ast.expr) -> str | None:
        """Return a path that may still contain `..`."""
        match node:
            case ast.Constant(value=str(text)):
                inside = text == _WORKER_ROOT or text.startswith(f"{_WORKER_ROOT}/")
                return text[len(_WORKER_ROOT) :].lstrip("/") or "." if inside else text
            case ast.Name(id="__file__"):
                return self.path
            case ast.Name(id=name) if name in self.names and name not in self._pending:
                self._pending.add(name)
                found = self._read(self.names[name])
                self._pending.discard(name)
                return found
            case ast.Attribute(value=value, attr="parent"):
                return self._above(value, 1)
            case ast.Subscript(
                value=ast.Attribute(value=value, attr="parents"),
                slice=ast.Constant(value=int(depth)),
            ):
                return self._above(value, depth + 1)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined([left, right])
            case ast.Call(func=function, args=arguments):
                return self._called(function, arguments)
            case _:
                return None

    def _called(self, function: ast.expr, arguments: list[ast.expr]) -> str | None:
        """Return the path that a call makes."""
        name = ast.unparse(function)
        if name in _SAME and len(arguments) == 1:
            return self._read(arguments[0])
        if name == "os.path.dirname" and len(arguments) == 1:
            return self._above(arguments[0], 1)
        if name in ("os.path.join", "Path", "pathlib.Path"):
            return self._joined(arguments)
        if isinstance(function, ast.Attribute):
            if function.attr in _SAME_METHODS and not arguments:
                return self._read(function.value)
            if function.attr == "joinpath":
                return self._joined([function.value, *arguments])
        return None

    def _above(self, node: ast.expr, levels: int) -> str | None:
        """Return the folder that is some levels above a path."""
        found = self._read(node)
        for _ in range(levels if found is not None else 0):
            assert found is not None
            found = posixpath.normpath(found or ".")
            is_above = found == "." or found == ".." or found.endswith("/..")
            found = posixpath.join(found, "..") if is_above else posixpath.dirname(found)
        return found

    def _joined(self, nodes: list[ast.expr]) -> str | None:
        """Return several paths joined."""
        parts = [self._read(node) for node in nodes]
        known = [part for part in parts if part is not None]
        return posixpath.join(*known) if known and len(known) == len(parts) else None
