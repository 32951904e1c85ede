"""An app, and damages of its artifact, each with words of the finding that names it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable

from tests.support.archives import Files, edit, put

FILES = {
    "worker.py": "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w", dependencies=["text-unidecode==1.3", "markupsafe==3.0.2"])\n'
    "async def run(text: str):\n    import markupsafe\n    import text_unidecode\n"
    "    from tools import twice\n    return twice(text)\n",
    "tools.py": "import json, torch\n\ndef twice(x): return x + x\n",
}


def _own(files: Files) -> None:
    files["worker.py"][0].uid = 1000


def _run_as_owner(files: Files) -> None:
    files["worker.py"][0].mode = 0o4755


def _later(files: Files) -> None:
    files["worker.py"][0].mtime = 0


def _open_to_all(files: Files) -> None:
    files["worker.py"][0].mode = 0o666


def _gnu(files: Files) -> None:
    files["worker.py"][0].type = tarfile.CONTTYPE


def _other_entry(files: Files, change: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> None:
    """Change the hash and the size that a RECORD lists for a module."""
    record = "text_unidecode-1.3.dist-info/RECORD"
    (line,) = [
        each
        for each in files[record][1].splitlines()
        if each.startswith(b"text_unidecode/__init__.py")
    ]
    path, hashed, size = line.split(b",")
    edit(files, record, line, b",".join((path, *change(hashed, size))))


def native(files: Files) -> str:
    """Return the path of a compiled library."""
    return next(name for name in files if name.endswith(".so"))


DAMAGES: dict[str, tuple[Callable[[Files], object], str]] = {
    "a file of a package is gone": (
        lambda f: f.pop("text_unidecode/__init__.py"),
        "and it is not there",
    ),
    "a file of a package is changed": (
        lambda f: edit(f, "text_unidecode/__init__.py", b"def", b"DEF"),
        "its content is not the one",
    ),
    "a locked package is missing": (
        lambda f: [f.pop(n) for n in list(f) if n.startswith("text_unidecode")],
        "`text-unidecode` is locked, but not in the archive",
    ),
    "another version is locked": (
        lambda f: edit(f, "requirements.txt", b"text-unidecode==1.3", b"text-unidecode==1.2"),
        "is locked as 1.2, and in the archive as 1.3",
    ),
    "a package is not locked": (
        lambda f: put(f, "requirements.txt", b""),
        "it is in the archive, but not locked",
    ),
    "a library is for another machine": (
        lambda f: put(f, native(f), b"\x7fELF" + b"\x02" * 14 + b"\xb7\x00" + b"x" * 50),
        "it is not made for x86_64",
    ),
    "a library is for another Python": (
        lambda f: put(
            f, "lib/x.cpython-310-x86_64-linux-gnu.so", b"\x7fELF" + b"\2" * 14 + b"\x3e\0"
        ),
        "it is made for Python 3.10",
    ),
    "a module is missing": (lambda f: f.pop("worker.py"), "needs the module `worker`"),
    "a function is missing": (
        lambda f: edit(f, "worker.py", b"def run", b"def walk"),
        "which is not defined there",
    ),
    "a handler is missing": (
        lambda f: f.pop("handler_w.py"),
        "this handler of `w`, and the file is missing",
    ),
    "a handler names no modules": (
        lambda f: edit(f, "handler_w.py", b"('worker',)", b"5"),
        "`handler_w.py`: its `MODULES` are not the names of modules",
    ),
    "a handler names what is not there": (
        lambda f: edit(f, "handler_w.py", b"('worker',)", b"('worker', 'gone')"),
        "it imports the module `gone`, which is not in the archive",
    ),
    "a handler is another's": (
        lambda f: edit(f, "handler_w.py", b"'w'", b"'v'"),
        "it is not the handler of `w`",
    ),
    "an import leads nowhere": (
        lambda f: edit(f, "tools.py", b"import json", b"import json, nowhere"),
        "`nowhere` is imported in line 1 of `tools.py`",
    ),
    "a module has a null byte": (
        lambda f: put(f, "worker.py", b"def run(): ...\n\0"),
        "`worker.py`: it can't be imported: ",
    ),
    "a part of the runtime is gone": (
        lambda f: f.pop("_flashc/queue.py"),
        "`handler_w.py`: it imports `_flashc.queue`, which is not in the archive",
    ),
    "a part that another one needs is gone": (
        lambda f: f.pop("_flashc/jobs.py"),
        "`_flashc/queue.py`: it imports `_flashc.jobs`, which is not in the archive",
    ),
    "a RECORD is empty": (
        lambda f: put(f, "text_unidecode-1.3.dist-info/RECORD", b""),
        "it does not list itself",
    ),
    "a name has a line break": (lambda f: put(f, "a\nb.txt", b""), "can't be printed"),
    "a file runs as its owner": (_run_as_owner, "special permissions"),
    "the manifest is gone": (lambda f: f.pop("flash_manifest.json"), "no manifest"),
    "the manifest is not JSON": (
        lambda f: put(f, "flash_manifest.json", b"{"),
        "`flash_manifest.json`: it is not JSON",
    ),
    "the manifest nests without end": (
        lambda f: put(f, "flash_manifest.json", b"[" * 100_000),
        "`flash_manifest.json`: it is not JSON",
    ),
    "the manifest is not an object": (
        lambda f: put(f, "flash_manifest.json", b"[]"),
        "[] is not of type 'object' (at `$`)",
    ),
    "a resource is not one": (
        lambda f: edit(f, "flash_manifest.json", b'"workersMax": 1', b'"workersMax": "many"'),
        "'many' is not of type 'integer' (at `$.resources.w.workersMax`)",
    ),
    "a RECORD can't be read": (
        lambda f: put(f, "text_unidecode-1.3.dist-info/RECORD", b"one\n"),
        "`text_unidecode-1.3.dist-info/RECORD`: it is not a RECORD that can be read",
    ),
    "a RECORD has a weak hash": (
        lambda f: edit(
            f, "text_unidecode-1.3.dist-info/RECORD", b"__init__.py,sha256=", b"__init__.py,md5="
        ),
        "its content is not the one",
    ),
    "the record of an endpoint is not one": (
        lambda f: put(f, "_flashc/endpoint.json", b'{"format": 2}'),
        "`_flashc/endpoint.json`: 'endpoint' is a required property (at `$`)",
    ),
    "a file has the path of a folder": (
        lambda f: put(f, "text_unidecode", b""),
        "`text_unidecode`: it can't be unpacked: the archive has `text_unidecode/__init__.py` too",
    ),
    "a folder has the path of a file": (
        lambda f: put(f, "worker.py/a/b", b""),
        "`worker.py`: it can't be unpacked: the archive has `worker.py/a/b` too",
    ),
    "a path climbs out": (lambda f: put(f, "../x.py", b""), "leads out of the folder"),
    "a path is absolute": (lambda f: put(f, "/x.py", b""), "leads out of the folder"),
    "a secret goes along": (lambda f: put(f, "conf/.env.production", b"K=1"), "credentials"),
    "a worker's module is overwritten": (lambda f: put(f, "handler.py", b""), "worker image"),
    "files have owners": (_own, "belongs to a user"),
    "a file has another time": (_later, "modification time is not the one"),
    "a file can be written by all": (_open_to_all, "its header in the archive is not one"),
    "a file has another header": (_gnu, "its header in the archive is not one"),
    "a module of the runtime is changed": (
        lambda f: edit(f, "_flashc/queue.py", b"def", b"def "),
        "`_flashc/queue.py`: it is not a file of the runtime of flashc",
    ),
    "the runtime has a file more": (
        lambda f: put(f, "_flashc/more.py", b""),
        "`_flashc/more.py`: it is not a file of the runtime of flashc",
    ),
    "a constant of the app is code": (
        lambda f: edit(f, "_flashc/app.py", b"= {}", b"= dict()"),
        "`_flashc/app.py`: it is not a file of the runtime of flashc",
    ),
    "the app has another time limit": (
        lambda f: edit(f, "_flashc/app.py", b"float] = {}", b"float] = {'w': 1.5}"),
        "it has another time limit for `w` than the manifest",
    ),
    "the app names another resource": (
        lambda f: edit(f, "_flashc/app.py", b"str] = {}", b"str] = {'w': 'v'}"),
        "it names a resource that the manifest does not have",
    ),
    "another version of flashc made it": (
        lambda f: edit(f, "_flashc/__init__.py", b"'0.", b"'900."),
        "only the version that made it can verify it",
    ),
    "no version of flashc made it": (
        lambda f: put(f, "_flashc/__init__.py", b""),
        "does not name the version of flashc",
    ),
    "a handler does more": (
        lambda f: edit(f, "handler_w.py", b"from _flashc", b"import os\nfrom _flashc"),
        "it is not the handler that flashc writes",
    ),
    "a handler takes more jobs": (
        lambda f: edit(f, "handler_w.py", b"MAX_CONCURRENCY = 1", b"MAX_CONCURRENCY = 2"),
        "it is not the handler that flashc writes",
    ),
    "a handler imports a module more": (
        lambda f: edit(f, "handler_w.py", b"('worker',)", b"('worker', 'tools')"),
        "its `MODULES` are not those of the manifest",
    ),
    "the manifest is written otherwise": (
        lambda f: edit(f, "flash_manifest.json", b'  "version"', b'   "version"'),
        "its text is not the one that flashc writes",
    ),
    "a stub has code": (
        lambda f: put(f, "_flashc/stubs/x.py", b"import os\n"),
        "its line 1 is not part of a stub",
    ),
    "a RECORD lists no hash": (
        lambda f: _other_entry(f, lambda hashed, size: (b"", size)),
        "its content is not the one",
    ),
    "a RECORD lists another size": (
        lambda f: _other_entry(f, lambda hashed, size: (hashed, size + b"0")),
        "its size is not the one",
    ),
    "METADATA is another's": (
        lambda f: put(f, "text_unidecode-1.3.dist-info/METADATA", b"Name: other\nVersion: 1.3\n\n"),
        "it describes another distribution",
    ),
    "metadata have no RECORD": (
        lambda f: put(f, "other-1.0.dist-info/METADATA", b"Name: other\nVersion: 1.0\n\n"),
        "has no RECORD",
    ),
}
