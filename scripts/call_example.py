"""Call the endpoints of an example that runs as a preview, show their answers, and stop the preview.

Usage: python scripts/call_example.py EXAMPLE RECORD

RECORD is a file with what `flashc preview EXAMPLE --detach --format json` has printed.  The calls and the answers that
are expected are in the example's calls.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx


def main(example: Path, record: dict[str, Any]) -> int:
    """Send the calls and return how many answers differ from those that the example expects."""
    calls = json.loads((example / "calls.json").read_text(encoding="utf-8"))
    urls = {address["endpoint"]: address["url"] for address in record["addresses"]}
    print(f"{record['app']} runs at {record['url']} on the engine {record['engine']}")
    wrong = 0
    with httpx.Client(headers={"Authorization": f"Bearer {record['key']}"}, timeout=120) as client:
        for call in calls:
            answer = send(client, urls, call)
            wrong += answer != call["answer"]
            print(line_of(call), "->", json.dumps(answer))
    print(f"{len(calls)} calls, {wrong} unexpected answers")
    return wrong


def send(client: httpx.Client, urls: dict[str, str], call: dict[str, Any]) -> Any:
    """Send a call, and return the answer."""
    if "job" in call:
        url = f"{urls[call['job']]}/runsync"
        reply = client.post(url, json={"input": call["input"]}).json()
        return reply.get("output", reply)
    url = urls[call["route"]] + call["path"]
    return client.request(call["method"], url, json=call.get("body")).json()


def line_of(call: dict[str, Any]) -> str:
    """Return a call as one line of text."""
    if "job" in call:
        return f"{call['job']} {json.dumps(call['input'])}"
    body = f" {json.dumps(call['body'])}" if "body" in call else ""
    return f"{call['route']} {call['method']} {call['path']}{body}"


if __name__ == "__main__":
    _, example, file = sys.argv
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    record = json.loads(lines[-1])
    try:
        code = min(main(Path(example), record), 1)
    finally:
        flashc = [sys.executable, "-m", "flashc", "preview", "stop", record["id"]]
        subprocess.run(flashc, check=True)
    sys.exit(code)
