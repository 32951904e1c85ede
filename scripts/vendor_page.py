"""Fetch the libraries of the platform's page from npm and write them next to it, with a record of each.

Usage: python scripts/vendor_page.py [--check]

The record has the versions, the licences and the SHA-256 of the files.  `--check` fetches nothing, and fails if a file
is not the one of the record.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "backends/flashc_backends/platform/page/vendor"
RECORD = "vendor.json"
# Package, version, licence, and where its files go.  `htm` contains preact, whose licence is fetched too.
PACKAGES = (
    (
        "htm",
        "3.1.1",
        "Apache-2.0",
        {
            "package/preact/standalone.module.js": "htm-preact.js",
            "package/LICENSE": "LICENSE.htm",
        },
    ),
    ("preact", "10.29.8", "MIT", {"package/LICENSE": "LICENSE.preact"}),
)


def fetch() -> None:
    """Fetch the libraries, and write their files and the record."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    record: list[dict[str, object]] = []
    for package, version, licence, files in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            command = ["npm", "pack", f"{package}@{version}", "--silent"]
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
            with tarfile.open(Path(folder, done.stdout.strip())) as archive:
                hashes: dict[str, str] = {}
                for member, name in files.items():
                    stream = archive.extractfile(member)
                    assert stream is not None
                    data = stream.read()
                    FOLDER.joinpath(name).write_bytes(data)
                    hashes[name] = hashlib.sha256(data).hexdigest()
        record.append(
            {"package": package, "version": version, "licence": licence, "sha256": hashes}
        )
    text = json.dumps(record, indent=2) + "\n"
    FOLDER.joinpath(RECORD).write_text(text, encoding="utf-8")


def check() -> int:
    """Return the number of files that differ from the record, and name them."""
    record = json.loads(FOLDER.joinpath(RECORD).read_text(encoding="utf-8"))
    wrong = [
        name
        for package in record
        for name, expected in package["sha256"].items()
        if hashlib.sha256(FOLDER.joinpath(name).read_bytes()).hexdigest() != expected
    ]
    for name in wrong:
        print(f"{name} is not what vendor.json says")
    return len(wrong)


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(check())
    fetch()
