"""The laws of fixes, on generated projects with mistakes.

After the fixes every finding that had one is gone and no new error appears; everything outside the edits
stays byte for byte; a second run changes nothing.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashc.project.project import NOTHING_UNSAVED, Project
from flashc.project.workspace import open_workspace
from flashc.report.fixes import (
    Change,
    applicable,
    apply_fixes,
    select_non_overlapping,
    write_changes,
)
from flashc_core.cache import disabled_cache
from flashc_core.diagnostics import Diagnostic, Severity
from flashc_core.source import Lines
from tests.support.profiles import examples
from tests.support.projects import compile_workspace

EXAMPLES = settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# Arguments of a queue-based endpoint that a fix corrects, each in several spellings.
_QUEUE = (
    "worker=3",
    "idle_timeout = 9_999",
    "idle_timeout=(0)",
    "workers=(3, 1)",
    "workers=( 5,2 )",
    "workers=[4, 2]",
    "workers=PAIR",
    "gpu=GpuGroup.ADA24",
    "gpu=[GpuGroup.ANY,  GpuGroup.AMPERE_42]",
    "scaler_value=-1",
    "dependencies=['torch=2.9', \"numpy\"]",
    "dependencies=DEPENDENCIES",
    "env={'A': 1, 'B': 'x'}",
    "env={'A': 2.5}",
    "min_cuda_version='12.9'",
    "cpu='cpu3c-1-3'",
    "cpu='cpu3c-1-2', datacenter='US-KS-2'",
    "cpu='cpu3c-1-2', datacenter=['US-IL-1', DataCenter.EU_RO_1]",
    "cpu='cpu3c-1-2', template=PodTemplate(containerDiskInGb=64)",
    "volume=NetworkVolume(nam='models')",
    "**{'idle_timeout': 4000}",
    "max_concurrency=0",
    "gpu_count=2",
)
_BALANCED = (
    "scaler_type=ServerlessScalerType.QUEUE_DELAY",
    "scaler_type='QUEUE_DELAY'",
    "idle_timout=5",
    "workers=(2, 1)",
)
_BODIES = (
    "return x",
    "return other(x)['a']",
    "other(x)\n    return 1",
    "y = other(x) + 1; return y",
    "return f'{other(x)}'",
    "return await other(x)",
    "return x  # flashc: ignore[FC310] no cycle",
    "return x# flashc:ignore[endpoint-cycle]",
    "# flashc: ignore[FC999]\n    return x",
    "return pandas.Series(x)",
    "return pandas.Series(x)",
    '"""Doc."""\n    return pd.Series(x)',
    "@decorate\n    def inner(): return Series(x)\n    return inner()",
    "pandas = x; return pandas",
)
_IMPORTS = (
    "import os",
    "import pandas",
    "import pandas as pd",
    "import pandas  # for all of them",
    "from pandas import (\n    DataFrame,  # é\n    Series,\n)",
    "import numpy.linalg, pandas",
)
_PATHS = ("'/go'", "'go'", '"go/{x}"', "('go')")


@st.composite
def projects(draw: st.DrawFn) -> bytes:
    """A module with mistakes, in some layout, newline style and encoding."""
    gap = draw(st.sampled_from((", ", ",\n    ", ",  # why\n    ")))
    arguments = draw(st.lists(st.sampled_from(_QUEUE), max_size=2, unique_by=lambda a: a[:4]))
    balanced = draw(st.lists(st.sampled_from(_BALANCED), max_size=1))
    listed = gap.join(["name='w'", *arguments])
    named = gap.join(["name='api'", *balanced])
    lines = [
        "from runpod_flash import *",
        draw(st.sampled_from(_IMPORTS)),
        "PAIR = (9, 3)",
        "DEPENDENCIES = ['pillow=10']  # é",
        "@Endpoint(name='other')",
        "async def other(y): return y",
        f"@Endpoint({listed}\n)",
        f"async def run(x):\n    {draw(st.sampled_from(_BODIES))}",
        f"api = Endpoint({named})",
        f"@api.post({draw(st.sampled_from(_PATHS))})",
        "async def go(x: int): return x",
    ]
    newline = draw(st.sampled_from(("\n", "\r\n")))
    text = "\n".join(lines).replace("\n", newline)
    end = newline if draw(st.booleans()) else ""
    return (text + end).encode(draw(st.sampled_from(("utf-8", "utf-8-sig"))))


class OneModule:
    """A project with the one module `worker.py`, which is compiled once for each state of that module."""

    def __init__(self, folder: str, data: bytes) -> None:
        self.root = Path(folder).resolve()
        self.module = self.root / "worker.py"
        self.module.write_bytes(data)
        self._known: dict[bytes, tuple[Project, list[Diagnostic]]] = {}

    def check(
        self, unsaved: Mapping[str, bytes] = NOTHING_UNSAVED
    ) -> tuple[Project, list[Diagnostic]]:
        """What a check reads and reports, with some files in another state than on the disk."""
        data = unsaved.get("worker.py") or self.module.read_bytes()
        if data not in self._known:
            workspace = open_workspace(
                self.root, {"python_version": "3.12"}, unsaved=unsaved, cache=disabled_cache()
            )
            found = list(compile_workspace(workspace).diagnostics)
            self._known[data] = (workspace.project, found)
        return self._known[data]

    def findings(self) -> list[Diagnostic]:
        return self.check()[1]

    def fix(self, *, unsafe: bool) -> dict[str, Change]:
        """Apply the fixes; return what changed."""
        changes = apply_fixes(self.check, unsafe=unsafe)
        write_changes(self.root, changes)
        return changes


def errors(found: list[Diagnostic]) -> Counter[str]:
    return Counter(d.rule.code for d in found if d.severity is Severity.ERROR)


def untouched(text: str, found: list[Diagnostic], project: Project) -> list[str]:
    """The pieces of a text that no edit of the first round covers, in order."""
    edits = select_non_overlapping(applicable(found, unsafe=True), project).get("worker.py", [])
    lines = Lines(text)
    pieces, done = list[str](), 0
    for edit in sorted(edits):
        span = edit.span
        pieces.append(text[done : lines.offset(span.line, span.column)])
        done = lines.offset(span.end_line, span.end_column)
    return [*pieces, text[done:]]


@given(projects())
@EXAMPLES
def test_fixes_remove_their_findings_and_disturb_nothing(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = OneModule(folder, data)
        opened, before = project.check()
        project.fix(unsafe=True)

        after, text = project.findings(), project.module.read_bytes()
        assert not applicable(after, unsafe=True), text
        assert errors(after) <= errors(before), (text, [d.message for d in after])
        position = 0
        for piece in untouched(data.decode(), before, opened):
            position = text.decode().find(piece, position)
            assert position >= 0, (piece, text)
            position += len(piece)
        assert not project.fix(unsafe=True)
        assert project.module.read_bytes() == text


@given(projects())
@EXAMPLES
def test_safe_fixes_alone_apply_no_unsafe_one(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = OneModule(folder, data)
        safe = applicable(project.findings(), unsafe=False)
        assert bool(project.fix(unsafe=False)) == bool(safe)
        assert not applicable(project.findings(), unsafe=False)
