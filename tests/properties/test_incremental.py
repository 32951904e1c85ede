"""Law: compiling with a cache that was filled by other states of the project gives the same result."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashc.compile import compile_project
from flashc.project.options import Options
from flashc_core.cache import Store
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_ir.program import Program
from tests.support.generated_programs import GeneratedProgram, programs
from tests.support.projects import write


def compiled(root: Path, store: Store | None) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    sink = Sink()
    return compile_project(root, Options(python_version="3.12"), sink, store=store), tuple(sink)


@given(states=st.lists(programs(), min_size=2, max_size=4), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_cache_changes_no_result(states: list[GeneratedProgram], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, store = Path(folder).resolve() / "app", Store(Path(folder) / "cache")
        write(root, states[0].files)
        for state in states:
            name = data.draw(st.sampled_from(sorted(state.files)))
            write(root, {name: state.files[name]})  # one file of another program
            expected = compiled(root, None)
            assert compiled(root, store) == expected
            assert compiled(root, store) == expected
