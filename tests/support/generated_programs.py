"""Draw whole Flash programs: endpoints in modules and packages that call each other.

A function calls only functions with a smaller number, so that every program ends.  Async functions call
async ones; plain ones call plain ones, as Python itself demands of the plain program.  The first option of
each draw is the simplest, so that a failing program shrinks to few endpoints without features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

MODULES = ("alpha", "beta", "pkg.gamma", "pkg.delta", "pkg.deep.epsilon")
PACKAGES = ("pkg", "pkg.deep")


@dataclass(frozen=True, kw_only=True)
class GeneratedEndpoint:
    """Describe an endpoint: a function, or a class with the method `work`."""

    number: int
    module: str
    is_async: bool
    is_class: bool

    @property
    def name(self) -> str:
        return f"{'Box' if self.is_class else 'run'}_{self.number}"

    @property
    def resource(self) -> str:
        return f"endpoint-{self.number}"


@dataclass
class ModuleText:
    """Collect the lines of a module: imports at its top, then definitions."""

    name: str
    top: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    @property
    def package(self) -> str:
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class GeneratedProgram:
    """Hold the files and endpoints of a program."""

    files: dict[str, str]
    endpoints: tuple[GeneratedEndpoint, ...]


_SDK = (
    ("from runpod_flash import Endpoint, GpuGroup", "Endpoint"),
    ("from runpod_flash import (  # the SDK\n    Endpoint as E,\n    GpuGroup,\n)", "E"),
    ("import runpod_flash as rf", "rf.Endpoint"),
    ("import os, runpod_flash", "runpod_flash.Endpoint"),
    ("from runpod_flash import *", "Endpoint"),
    (
        "try:\n    from runpod_flash import Endpoint\nexcept ImportError:\n    Endpoint = None",
        "Endpoint",
    ),
)
_DECORATIONS = (
    "@{sdk}(name={name!r})",
    "@{sdk}(  # an endpoint\n    name={name!r},\n    workers=(0, 3),  # enough\n)",
    "@{sdk}({name!r}, cpu='cpu3c-1-2', env={{'A': '1'}})",
    "@{sdk}(**{{'name': {name!r}, 'idle_timeout': 5}})",
)


_MORE = st.integers(0, 99).map(lambda n: n >= 20)


@st.composite
def _endpoints(
    draw: st.DrawFn,
    number: int,
    earlier: list[GeneratedEndpoint],
    sources: dict[str, ModuleText],
    shared: ModuleText,
    exported: list[GeneratedEndpoint],
) -> GeneratedEndpoint:
    """Draw an endpoint and write it into its module."""
    endpoint = GeneratedEndpoint(
        number=number,
        module=draw(st.sampled_from(MODULES)),
        is_async=draw(st.sampled_from([True, True, False])),
        is_class=draw(st.sampled_from([False, False, False, False, True])),
    )
    callees = [each for each in earlier if each.is_async == endpoint.is_async]
    _write_endpoint(draw, endpoint, sources[endpoint.module], callees, shared, exported)
    return endpoint


@st.composite
def programs(draw: st.DrawFn) -> GeneratedProgram:
    """Draw a program with two to six endpoints."""
    endpoints: list[GeneratedEndpoint] = []
    sources = {name: ModuleText(name) for name in MODULES}
    shared = ModuleText("shared")
    exported: list[GeneratedEndpoint] = []
    while len(endpoints) < 2 or (len(endpoints) < 6 and draw(_MORE)):
        endpoint = draw(_endpoints(len(endpoints), endpoints, sources, shared, exported))
        endpoints.append(endpoint)
        if draw(st.booleans()):
            exported.append(endpoint)
    files = {_path(name): _text(draw, source) for name, source in sources.items()}
    files |= {f"{package.replace('.', '/')}/__init__.py": "" for package in PACKAGES}
    files["facade/__init__.py"] = "".join(
        f"from {t.module} import {t.name} as public_{t.number}\n" for t in exported
    )
    files["shared.py"] = "import asyncio\n" + "\n".join(shared.body) + "\n"
    return GeneratedProgram(files, tuple(endpoints))


def _path(module: str) -> str:
    return module.replace(".", "/") + ".py"


def _text(draw: st.DrawFn, source: ModuleText) -> str:
    head = draw(
        st.sampled_from(
            [
                "",
                '"""A module."""\n',
                "# -*- coding: utf-8 -*-\n",
                "from __future__ import annotations\n",
            ]
        )
    )
    if not source.body:
        return head
    lines = "\n".join([head.rstrip("\n"), *source.top, "", *source.body]) + "\n"
    return lines.replace("\n", "\r\n") if draw(st.integers(0, 9)) == 9 else lines


def _write_endpoint(
    draw: st.DrawFn,
    endpoint: GeneratedEndpoint,
    source: ModuleText,
    callees: list[GeneratedEndpoint],
    shared: ModuleText,
    exported: list[GeneratedEndpoint],
) -> None:
    line, sdk = draw(st.sampled_from(_SDK))
    if line not in source.top:
        source.top.append(line)
    calls: list[str] = []
    while callees and len(calls) < 12 and draw(_MORE):
        callee = draw(st.sampled_from(callees))
        calls += _call(draw, endpoint, callee, source, shared, callee in exported)
    decoration = draw(st.sampled_from(_DECORATIONS)).format(sdk=sdk, name=endpoint.resource)
    body = [
        "total = [x, extra]",
        *calls,
        f"if x == {3 - draw(st.integers(0, 3))}:",
        f"    raise {draw(st.sampled_from(['ValueError', 'KeyError', 'RuntimeError']))}('x is %s' % x)",
        f"return {{'by': {endpoint.number}, 'total': total, 'pair': (x, 'é')}}",
    ]
    word = "async def" if endpoint.is_async else "def"
    if endpoint.is_class:
        source.body += [decoration, f"class {endpoint.name}:", "    def __init__(self, start=1):"]
        source.body += ["        self.start = start", f"    {word} work(self, x, *, extra=0):"]
        source.body += [f"        {part}" for part in body]
    else:
        defaults = draw(
            st.sampled_from(["x, extra=0", "x, *, extra=None", "x: int, extra: int = 2"])
        )
        inner = draw(st.sampled_from(["", "@_same\n"]))
        if inner and "def _same(function): return function" not in source.body:
            source.body.insert(0, "def _same(function): return function")
        source.body += [decoration]
        source.body += [inner.rstrip()] if inner else []
        source.body += [f"{word} {endpoint.name}({defaults}):"]
        source.body += ['    """Documented."""'] if draw(st.booleans()) else []
        source.body += [f"    {part}" for part in body]
    source.body += ["", ""]


def _call(
    draw: st.DrawFn,
    caller: GeneratedEndpoint,
    callee: GeneratedEndpoint,
    source: ModuleText,
    shared: ModuleText,
    is_exported: bool,
) -> list[str]:
    """Return lines of a function body that call `callee` in one of the forms that programs use."""
    wait = "await " if caller.is_async else ""
    argument = draw(st.sampled_from(["x", "x + 1", "x=x", "x, extra=1"]))
    before, name = _reach(draw, caller, callee, source, shared, is_exported)
    called = f"{name}().work" if callee.is_class else name
    forms = [
        [f"total.append({wait}{called}({argument}))"],
        [f"function = {called}", f"total.append({wait}function({argument}))"],
        [f"table = {{'f': {called}}}", f"total.append({wait}table['f']({argument}))"],
    ]
    if caller.is_async:
        forms.append([f"total += await asyncio.gather(*map({called}, [x, x + 1]))"])
        forms.append(
            [
                "async def nested(y):",
                f"    return await {called}(y)",
                "total.append(await nested(x))",
            ]
        )
    else:
        forms.append([f"total += [{called}(y) for y in (x, x + 1)]"])
        forms.append([f"total += list(map({called}, [x]))"])
    if callee.is_class:
        forms.append([f"made = {name}()", f"total.append({wait}made.work({argument}))"])
    lines = draw(st.sampled_from(forms))
    if any("asyncio" in line for line in lines) and "import asyncio" not in source.top:
        source.top.append("import asyncio")
    return [*before, *lines]


def _reach(
    draw: st.DrawFn,
    caller: GeneratedEndpoint,
    callee: GeneratedEndpoint,
    source: ModuleText,
    shared: ModuleText,
    is_exported: bool,
) -> tuple[list[str], str]:
    """Return (lines that import the callee, the expression that names it)."""
    module, name = callee.module, callee.name
    if module == source.name:
        return [], name
    last = module.rpartition(".")[2]
    forms: list[tuple[list[str], str]] = [
        ([f"from {module} import {name}"], name),
        ([f"from {module} import {name} as chosen"], "chosen"),
        ([f"from {module} import (\n        {name},  # a comment\n    )"], name),
        ([f"import {module}"], f"{module}.{name}"),
        ([f"import {module} as other"], f"other.{name}"),
        ([f"import importlib; other = importlib.import_module({module!r})"], f"other.{name}"),
        ([f"shadow = {name!r}; from {module} import {name}"], name),
    ]
    if "." in module:
        package = module.rpartition(".")[0]
        forms.append(([f"from {package} import {last}"], f"{last}.{name}"))
        if source.package.startswith("pkg") and package == source.package:
            forms.append(([f"from .{last} import {name}"], name))
            forms.append(([f"from . import {last} as near"], f"near.{name}"))
    if is_exported:
        forms.append(([f"from facade import public_{callee.number}"], f"public_{callee.number}"))
        forms.append((["import facade"], f"facade.public_{callee.number}"))
    helper = _helper(callee)
    if helper[0] not in shared.body and not callee.is_class:
        shared.body += helper
    if not callee.is_class:
        forms.append(
            (
                [f"import shared as other_{callee.number}"],
                f"other_{callee.number}.via_{callee.number}",
            )
        )
    before, expression = draw(st.sampled_from(forms))
    local = ("shadow", "chosen", "other", "near", "facade", "(")
    at_top = draw(st.integers(0, 2)) == 2 and not any(word in before[0] for word in local)
    if at_top and before[0] not in source.top and _is_earlier(module, source.name):
        source.top.append(before[0])
        return [], expression
    return before, expression


def _is_earlier(module: str, importer: str) -> bool:
    """Return whether a module comes first: imports at the top must not form a cycle, in the plain program either."""
    return MODULES.index(module) < MODULES.index(importer)


def _helper(callee: GeneratedEndpoint) -> list[str]:
    """Return a function for the shared module that forwards a call."""
    word, wait = ("async def", "await ") if callee.is_async else ("def", "")
    return [
        f"{word} via_{callee.number}(x, **more):",
        f"    from {callee.module} import {callee.name}",
        f"    return {wait}{callee.name}(x, **more)",
    ]
