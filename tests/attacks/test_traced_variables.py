"""A value that traced code computes from an environment variable is FC125; one that differs by chance is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import Compiled, compile_files
from tests.support.tracing import TRACED

SECRET = "planted-7Kq9m-planted"
HEAD = """
import base64, hashlib, os, time, uuid
from runpod_flash import Endpoint, NetworkVolume, PodTemplate
KEY = os.environ["TRACED_KEY"]
"""


def traced(folder: Path, arguments: str) -> Compiled:
    image = "" if "image=" in arguments else "image='o/x:1', "
    text = f"{HEAD}for name in eval(\"['w']\"):\n    globals()[name] = Endpoint(name=name, {image}{arguments})\n"
    return compile_files(folder, {"worker.py": text}, **TRACED)


@pytest.mark.parametrize(
    "arguments",
    [
        "env={'A': KEY[::-1]}",
        "env={'A': base64.b64encode(KEY.encode()).decode()}",
        "env={'A': hashlib.sha256(KEY.encode()).hexdigest()}",
        "env={'A': KEY[3:]}",
        "env={'A': '%s' % KEY.upper()}",
        "image='o/' + KEY[:4]",
        "image='o/' + KEY[:1]",
        "template=PodTemplate(startScript='login ' + KEY.swapcase())",
        "system_dependencies=['curl', KEY[2:]]",
        "dependencies=['six==' + KEY[4:]]",
    ],
)
def test_a_computed_value_is_reported_with_its_variable(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACED_KEY", SECRET)
    result = traced(tmp_path, arguments)
    assert "`TRACED_KEY`" in result.found("FC125").message
    assert "FC103" not in result.codes
    assert SECRET not in repr(result)


@pytest.mark.parametrize(
    "value", ["str(uuid.uuid4())", "KEY[1:] + uuid.uuid4().hex", "str(time.time_ns())"]
)
def test_what_differs_from_run_to_run_is_unknown(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACED_KEY", SECRET)
    found = traced(tmp_path, f"env={{'A': {value}}}").found("FC103")
    assert any("differs from run to run" in note for note in found.notes)
    assert not any("--trace" in text for text in found.help)


def test_a_value_that_is_passed_on_stays_a_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACED_KEY", SECRET)
    result = traced(tmp_path, "env={'A': KEY, 'B': 'x' + KEY, 'C': 'constant'}")
    assert result.codes == ["FC133"]
    assert SECRET not in repr(result)
