"""Run the endpoints of a built example on this machine, and compare results with `calls.json`.

Usage: python scripts/run_app.py EXAMPLE [WORKER_PYTHON]

WORKER_PYTHON is the interpreter that the workers run under; by default the one that runs this
script.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from flashc_backends.platform.local import running
from flashc_backends.platform.service import Platform
from flashc_backends.write import unpack


def main(example: Path, worker_python: str) -> int:
    """Run the example and return the number of results that differ from the expected ones."""
    calls = json.loads((example / "calls.json").read_text(encoding="utf-8"))
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="flashc-run-") as folder:
        app = Path(folder, "app")
        unpack(example / ".flash" / "artifact.tar.gz", app)
        with running(Platform(app_dir=app), worker_python) as platform:
            for call in calls:
                answer = platform.answer(call)
                wrong += answer != call["answer"]
                print(shown(call), "->", json.dumps(answer))
            crossings = [c for c in platform.crossings if c.caller]
    print(
        f"{len(calls)} calls, {wrong} unexpected answers, {len(crossings)} calls between endpoints"
    )
    return wrong


def shown(call: dict[str, object]) -> str:
    """Return a call as one line."""
    if "job" in call:
        return f"{call['job']} {json.dumps(call['input'])}"
    body = f" {json.dumps(call['body'])}" if "body" in call else ""
    return f"{call['route']} {call['method']} {call['path']}{body}"


if __name__ == "__main__":
    example, worker_python = [*sys.argv[1:], sys.executable][:2]
    sys.exit(min(main(Path(example), worker_python), 1))
