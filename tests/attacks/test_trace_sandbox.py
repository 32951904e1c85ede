"""What the code of a project tries while `--trace` runs it: to write, to send, to stay, to lie, to leak."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashc.frontend import trace, trace_sandbox
from flashc.frontend.trace_answer import TraceFailed, read_answer
from flashc.report.json_report import render_json
from flashc_ir.printer import print_program
from tests.support.projects import compile_files, write
from tests.support.tracing import TRACED, needs_sandbox

END = """
from runpod_flash import Endpoint
@Endpoint(name=eval("'w'"), cpu="cpu3c-1-2")
def f(x: int) -> int:
    return x
"""
ATTEMPT = """
import ctypes, os, pathlib, sqlite3, struct, subprocess
LIBC = ctypes.CDLL(None, use_errno=True)
def attempt(work):
    try: work()
    except BaseException: pass
"""
# Each would change a file, and some of them go past Python.
WRITES = """
attempt(lambda: os.open(D + "/os_open", os.O_WRONLY | os.O_CREAT))
attempt(lambda: pathlib.Path(D, "touched").touch())
attempt(lambda: sqlite3.connect(D + "/base").execute("create table t(a)"))
attempt(lambda: os.mkfifo(D + "/fifo"))
attempt(lambda: os.truncate(D + "/victim", 0))
attempt(lambda: os.chmod(D + "/victim", 0o777))
attempt(lambda: os.link(D + "/victim", D + "/second"))
attempt(lambda: LIBC.truncate(os.fsencode(D + "/victim"), 0))
attempt(lambda: LIBC.unlink(os.fsencode(D + "/victim")))
attempt(lambda: LIBC.mkdir(os.fsencode(D + "/made"), 0o777))
attempt(lambda: LIBC.rename(os.fsencode(__file__), os.fsencode(__file__ + ".old")))
attempt(lambda: LIBC.mount(None, b"/", None, 32 | 4096, None))
"""


@needs_sandbox
def test_nothing_is_written(tmp_path: Path) -> None:
    victim = write(tmp_path, {"folder/victim": "precious"}) / "folder" / "victim"
    text = f"{ATTEMPT}D = {str(victim.parent)!r}\n{WRITES}{END}"
    app = write(tmp_path / "app", {"worker.py": text})
    before = {path: path.stat().st_mtime_ns for path in app.rglob("*")}
    result = compile_files(app, {}, trace=True)
    assert result.codes == ["FC133"]
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("precious", 0o644)
    assert [path.name for path in victim.parent.iterdir()] == ["victim"]
    assert {path: path.stat().st_mtime_ns for path in app.rglob("*")} == before


@needs_sandbox
def test_no_socket_is_reached_and_no_process_stays(tmp_path: Path) -> None:
    """Sockets of all families, also through the C library; processes in sessions of their own."""
    name = f"\0flashc-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as path_socket,
        socket.socket(socket.AF_UNIX) as abstract_socket,
    ):
        place = tmp_path / "app" / "s"
        place.parent.mkdir()
        path_socket.bind(str(place))
        abstract_socket.bind(name)
        listeners = (tcp, path_socket, abstract_socket)
        for listener in (path_socket, abstract_socket):
            listener.listen()
        for listener in listeners:
            listener.setblocking(False)
        mark = f"7777{os.getpid()}"
        text = f"""{ATTEMPT}
UNIX = struct.pack("<H", 1)
for family, address in (
    (1, UNIX + {os.fsencode(str(place))!r} + bytes(1)),
    (1, UNIX + {os.fsencode(name)!r}),
    (2, struct.pack("<H", 2) + struct.pack(">H", {tcp.getsockname()[1]}) + bytes([127, 0, 0, 1]) + bytes(8)),
):
    LIBC.connect(LIBC.socket(family, 1, 0), address, len(address))
assert LIBC.socket(40, 1, 0) == -1, "a socket to the machine that hosts this one"
LIBC.system(b"(setsid sleep {mark} >/dev/null 2>&1 </dev/null &)")
attempt(os.forkpty)
attempt(lambda: LIBC.kill(os.getppid(), 9))
{END}"""
        begin = time.monotonic()
        result = compile_files(
            tmp_path / "app", {"worker.py": text, ".flashignore": "s\n"}, trace=True
        )
        assert time.monotonic() - begin < 30
        for listener in listeners:
            with pytest.raises(BlockingIOError):
                listener.accept()
    assert "FC132" in result.codes or "FC133" in result.codes
    commands = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            commands.append((folder / "cmdline").read_bytes())
        except OSError:
            continue
    assert not [command for command in commands if mark.encode() in command]


@needs_sandbox
def test_other_files_are_not_seen(tmp_path: Path) -> None:
    outside = write(tmp_path, {"outside.txt": "OUTSIDE-SECRET"}) / "outside.txt"
    reads = "\n".join(
        f"try: found.append(open({path!r}).read())\nexcept OSError: pass"
        for path in (str(outside), ".env", "left-out.txt", "/etc/passwd", "/etc/shadow")
    )
    text = f"found = []\n{reads}\nassert not found, repr(found)\n{END}"
    files = {
        "worker.py": text,
        ".env": "A=B",
        "left-out.txt": "x",
        ".flashignore": "left-out.txt\n",
    }
    codes = compile_files(tmp_path / "app", files, trace=True).codes
    assert "FC133" in codes  # the import has not failed


def test_no_value_of_a_variable_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code gets placeholders, so it can compute what it likes."""
    monkeypatch.setenv("ATTACK_SECRET", "canary-secret")
    text = """
import base64, os
from runpod_flash import Endpoint
S = os.environ["ATTACK_SECRET"]
@Endpoint(name=eval("'w'"), cpu="cpu3c-1-2", env={
    "PLAIN": S, "PART": "x" + S, "UPPER": S.upper(), "SHORT": S[:-1],
    "CODED": base64.b64encode(S.encode()).decode(), "SHIFTED": "".join(chr(ord(c) + 1) for c in S),
})
def f(x: int) -> int: return x
print(open("/proc/self/environ").read())
"""
    failing = "import os\nint(os.environ['ATTACK_SECRET'])\n" + END
    result = compile_files(tmp_path, {"worker.py": text, "failing.py": failing}, **TRACED)
    printed = render_json(result.diagnostics)
    assert printed.count("is computed from `ATTACK_SECRET` when building") == 4
    assert "literal for int() with base 10: '${ATTACK_SECRET}'" in printed
    for form in ("canary", "CANARY", "Y2FuYXJ5", "dbobsz"):
        assert form not in printed
    files = {"worker.py": text.partition('"UPPER"')[0] + "})\ndef f(x: int) -> int: return x\n"}
    kept = print_program(compile_files(tmp_path / "kept", files, **TRACED).valid)
    assert "env PLAIN = ${ATTACK_SECRET}" in kept
    assert 'env PART = "x" + ${ATTACK_SECRET}' in kept


def test_many_endpoints_are_traced(tmp_path: Path) -> None:
    """Their answer is larger than a pipe."""
    text = """
from runpod_flash import Endpoint
def make(i):
    @Endpoint(name=eval(f"'worker-{i}'"), cpu="cpu3c-1-2", env={"MODEL": "m" * 300})
    def f(x: int) -> int: return x
    return f
made = [make(i) for i in range(500)]
"""
    assert len(compile_files(tmp_path, {"worker.py": text}, **TRACED).valid.endpoints) == 500


@pytest.mark.parametrize(
    "answer",
    [
        '{"endpoints": [], "failed": {"other": "x"}}',
        "[]",
        "",
        "{",
        "[" * 100000,
        '{"endpoints": [{"dialect": "flash"}], "failed": {}}',
        '{"endpoints": [], "failed": {}, "more": 1}',
    ],
)
def test_a_forged_answer_is_a_finding(answer: str, tmp_path: Path) -> None:
    text = f"import gc, io, os\nfor o in gc.get_objects():\n    if isinstance(o, io.TextIOWrapper) and o.fileno() > 2:\n        os.write(o.fileno(), {answer!r}.encode()); os._exit(0)\n{END}"
    result = compile_files(tmp_path, {"worker.py": text}, **TRACED)
    assert result.found("FC132").message.startswith("tracing failed: the process ")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["flash", "value", "list", "w"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "endpoints failed dialect arguments problem targets routes target file module position "
                "value enum variable parts sequence pairs sdk unknown line kind".split()
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=30,
)


@given(JSON | st.fixed_dictionaries({"endpoints": st.lists(JSON, max_size=2), "failed": JSON}))
def test_an_answer_is_valid_or_refused(document: object) -> None:
    try:
        answer = read_answer(msgspec.json.encode(document), {"w"}, {"flash"})
    except TraceFailed:
        return
    assert all(record["dialect"] == "flash" for record in answer.endpoints)


def test_without_a_sandbox_only_a_second_word_runs_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "find_sandbox", lambda: "`bwrap` is missing")
    refused = compile_files(tmp_path, {"worker.py": END}, trace=True).found("FC132")
    assert "`bwrap` is missing" in refused.message
    assert any("--no-sandbox" in help for help in refused.help)
    assert compile_files(tmp_path, {}, trace=True, no_sandbox=True).codes == ["FC133"]


def test_the_reason_why_there_is_no_sandbox_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_sandbox, "find_bubblewrap", lambda _options: None)
    assert isinstance(trace_sandbox.find_sandbox(), str)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "riscv64" in str(trace_sandbox.find_sandbox())


def test_what_runs_is_said_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_files(tmp_path, {"worker.py": END}, **TRACED)
    assert caplog.messages[0].startswith("running the code of worker ")
