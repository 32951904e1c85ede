"""Law: compiling with a cache that was filled by other states of the project gives the same result."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashc_core.cache import Store
from flashc_core.diagnostics import Diagnostic
from flashc_ir.program import Program
from tests.support.generated_programs import GeneratedProgram, programs
from tests.support.profiles import examples
from tests.support.projects import compile_workspace, opened, write


def compiled(root: Path, store: Store | None) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    compiled = compile_workspace(opened(root, store))
    return compiled.program, compiled.diagnostics


@given(states=st.lists(programs(), min_size=2, max_size=4), data=st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_a_cache_changes_no_result(states: list[GeneratedProgram], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, store = Path(folder).resolve() / "app", Store(folder=Path(folder) / "cache")
        write(root, states[0].files)
        for state in states:
            name = data.draw(st.sampled_from(sorted(state.files)))
            write(root, {name: state.files[name]})  # one file of another program
            expected = compiled(root, None)
            assert compiled(root, store) == expected
            assert compiled(root, store) == expected
