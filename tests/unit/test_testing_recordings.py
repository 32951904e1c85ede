"""Recorded answers replace an endpoint, and no secret is in their file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashc.testing import LocalApp
from flashc.testing.building import unpack_app
from flashc.testing.local_api import Answers
from flashc.testing.recorded_requests import recorded_request
from flashc.testing.recordings import (
    Ask,
    Calls,
    Recording,
    RecordingError,
    Recordings,
    Replay,
    canonical,
)
from flashc_backends.runtime.failures import remote_failure
from tests.support.projects import write
from tests.support.pytest_runs import configuration, run_pytest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc é"), inner),
)  # fmt: skip


def answered(replay: Replay, given: Any, parts: list[Any] | None = None) -> dict[str, Any]:
    """The answer to a job of the endpoint `model`."""
    return replay.answer("model", given, ([] if parts is None else parts).append).result(60)


def key_of(_resource: str, given: Any) -> tuple[str, Any]:
    return "rate", given


def replay_of(recordings: Recordings, ask: Ask | None = None) -> Replay:
    """What answers jobs of one function."""
    calls = Calls(
        key_of=key_of, request_key=lambda _, request: recorded_request(None, request), ask=ask
    )
    return Replay(recordings, calls)


@given(arguments=st.dictionaries(st.text("abc"), JSON), output=JSON)
@settings(max_examples=50)
def test_what_is_recorded_is_replayed(
    arguments: dict[str, Any], output: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("recordings") / "answers.json"
    recordings = Recordings(path)
    asked = replay_of(recordings, lambda _resource, _function, _given: output)
    assert answered(asked, arguments) == {"output": output}
    recordings.save()
    parts: list[Any] = []
    replay = replay_of(Recordings(path))
    assert answered(replay, dict(reversed(arguments.items())), parts) == {"output": output}
    assert parts == (output if isinstance(output, list) else [])
    assert (replay.problems, asked.problems) == ([], [])


def test_the_file_does_not_depend_on_the_order_of_the_calls(tmp_path: Path) -> None:
    texts: list[str] = []
    for order in ((1, 2, 3), (3, 1, 2)):
        recordings = Recordings(tmp_path / f"{order[0]}.json")
        for number in order:
            recordings.add(
                Recording(endpoint="model", function="f", arguments={"n": number}, output=number)
            )
        recordings.save()
        texts.append((tmp_path / f"{order[0]}.json").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_equal_arguments_have_one_answer() -> None:
    assert canonical({"a": 1, "b": [1.5, None]}) == canonical({"b": [1.5, None], "a": 1})
    assert canonical({"a": 1}) != canonical({"a": "1"})
    assert canonical([1, 2]) != canonical([2, 1])


def test_a_failure_of_the_endpoint_is_recorded_and_one_of_the_network_is_not(
    tmp_path: Path,
) -> None:
    def fail(_resource: str, _function: str, given: Any) -> Any:
        record = {"error_type": "<class 'lib.SoldOut'>", "error_message": "no tea"}
        raise remote_failure("model", "rate", record if given["known"] else "gone", "FAILED")

    recordings = Recordings(tmp_path / "answers.json")
    replay = replay_of(recordings, fail)
    expected = {"error_type": "lib.SoldOut", "error_message": "no tea"}
    assert json.loads(answered(replay, {"known": True})["error"]) == expected
    assert replay.problems == []
    assert "gone" in answered(replay, {"known": False})["error"]
    assert replay.problems == ["gone"]
    with pytest.raises(RecordingError, match="has no answer"):
        recordings.find("model", "rate", {"known": False})


@pytest.mark.parametrize(
    "data",
    [
        {"token": "rpa_" + "A1b2" * 6},
        {"headers": [{"x": "Bearer hf_" + "abcd1234" * 3}]},
        {"url": "https://ada:pass@host/x"},
        {"api_key": "f83jd02kdm38fjcn27x9"},
        {"text": "the value is s3cret-of-mine, you know"},
        {"nested": {"sk-" + "a1" * 10: 1}},
    ],
)
@pytest.mark.parametrize("where", ["arguments", "output", "message"])
def test_a_secret_is_not_written(data: Any, where: str, tmp_path: Path) -> None:
    def answer(_resource: str, _function: str, _given: Any) -> Any:
        if where == "message":
            record = {"error_type": "ValueError", "error_message": json.dumps(data)}
            raise remote_failure("model", "rate", record, "FAILED")
        return data if where == "output" else 1

    path = tmp_path / "answers.json"
    recordings = Recordings(path, ["s3cret-of-mine", "short"])
    replay = replay_of(recordings, answer)
    body = answered(replay, data if where == "arguments" else {})
    assert "a credential would be in the file" in body["error"]
    assert len(replay.problems) == 1
    recordings.save()
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"version": 2, "answers": []}', '{"version": 1, "answers": [{}]}', "\xff",
     "[" * 5000, '{"version": 1, "answers": [], "more": 1}'],
)  # fmt: skip
def test_a_file_that_is_none_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RecordingError, match="is no file of recorded answers"):
        Recordings(path)


CLIENT = (
    "from flashc import Endpoint\n"
    "model = Endpoint(id='abc123')\n"
    "@Endpoint(name='asks', cpu='cpu3c-1-2')\n"
    "async def ask(text: str) -> str:\n"
    "    try:\n"
    "        return (await model.runsync({'prompt': text})).output['text']\n"
    "    except KeyError:\n"
    "        return 'caught'\n"
)


def test_an_endpoint_without_code_is_replayed_by_its_id(tmp_path: Path) -> None:
    unpacked = unpack_app(write(tmp_path / "p", {"worker.py": CLIENT}), tmp_path / "tree")
    recordings = Recordings(tmp_path / "answers.json")
    answers: dict[str, Any] = {}
    app = LocalApp(unpacked, answers)
    targets = app.targets
    calls = Calls(key_of=targets.recorded_call, request_key=targets.recorded_request)
    replay = Replay(recordings, calls)
    answers[targets.replayable("abc123")] = Answers(replay.answer, replay.answer_request)
    recordings.add(
        Recording(
            endpoint="abc123", function="", arguments={"prompt": "hi"}, output={"text": "hello"}
        )
    )
    assert app.call("asks", text="hi") == "hello"
    assert app.targets.recorded_call("asks", {"text": "hi"}) == ("ask", {"text": "hi"})
    app.close()


def test_a_missing_answer_fails_the_test_also_if_the_app_catches_the_error(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("app") + 'flash_replay = ["model"]\n',
        "worker.py": (
            "from flashc import Endpoint\n"
            "@Endpoint(name='model', cpu='cpu3c-1-2')\n"
            "def model(text: str) -> str:\n"
            "    return text.upper()\n"
            "@Endpoint(name='asks', cpu='cpu3c-1-2')\n"
            "def ask(text: str) -> str:\n"
            "    try:\n"
            "        return model(text)\n"
            "    except Exception:\n"
            "        return 'caught'\n"
        ),
        "test_it.py": (
            "def test_it(flash_local):\n"
            "    assert flash_local.call('asks', text='x') in ('caught', 'X')\n"
        ),
    }
    project = write(tmp_path, files)
    done = run_pytest(project)
    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "has no answer of model, model()" in done.stdout
    assert "--flash-record=local" in done.stdout
    done = run_pytest(project, "--flash-record=local")
    assert done.returncode == 0, done.stdout + done.stderr
    (answer,) = json.loads((project / "flash-recordings.json").read_text())["answers"]
    assert answer["output"] == "X"
    assert run_pytest(project).returncode == 0
