"""Bad input gives a diagnostic with code, location and help; never a traceback, never a hang."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flashc_core.source import Span
from tests.support.projects import compile_files, compile_folder, write

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    result = compile_files(tmp_path, {"worker.py": WORKER.encode() + b"# caf\xe9\n"})
    found = result.found("FC002")
    assert (found.path, found.line) == ("worker.py", 5)


def test_a_declared_encoding_is_understood(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\n" + WORKER.replace("return x", "return 'é'")
    assert compile_files(tmp_path, {"worker.py": text.encode("latin-1")}).codes == []


def test_a_byte_order_mark_is_no_syntax_error(tmp_path: Path) -> None:
    result = compile_files(tmp_path, {"worker.py": b"\xef\xbb\xbf" + WORKER.encode()})
    assert result.codes == []


def test_a_named_pipe_is_reported_and_not_opened(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER})
    os.mkfifo(tmp_path / "pipe")
    assert compile_folder(tmp_path).found("FC003").path == "pipe"


def test_a_file_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER})
    with open(os.fsencode(tmp_path) + b"/\xff.txt", "wb"):
        pass
    assert compile_folder(tmp_path).codes == ["FC003"]


@pytest.mark.parametrize("target", ["/etc/passwd", "/usr"])
def test_a_link_out_of_the_project_is_reported(tmp_path: Path, target: str) -> None:
    write(tmp_path / "app", {"worker.py": WORKER})
    (tmp_path / "app" / "data").symlink_to(target)
    assert compile_folder(tmp_path / "app").codes == ["FC004"]


def test_a_link_inside_the_project_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER, "real/data.txt": "x"})
    (tmp_path / "link.txt").symlink_to("real/data.txt")
    (tmp_path / "common").symlink_to("real")
    result = compile_folder(tmp_path)
    assert result.codes == []
    assert {"link.txt", "common/data.txt"} <= {file.path for file in result.valid.files}


@pytest.mark.parametrize("target", ["nowhere", "/nowhere/at/all", ".", "../app", "loop"])
def test_a_link_that_leads_nowhere_or_back_is_a_warning(tmp_path: Path, target: str) -> None:
    write(tmp_path / "app", {"worker.py": WORKER})
    (tmp_path / "app" / "loop").symlink_to(target)
    (tmp_path / "app" / ".#worker.py").symlink_to("ada@host.1234:1700000000")
    result = compile_folder(tmp_path / "app")
    assert [(d.rule.code, d.path) for d in result.diagnostics] == [("FC010", "loop")]
    assert [file.path for file in result.valid.files] == ["worker.py"]


def test_links_to_each_other_end(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER, "a/x.txt": "x", "b/y.txt": "y"})
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    result = compile_folder(tmp_path)
    assert {d.rule.code for d in result.diagnostics} == {"FC010"}
    assert {"a/b/y.txt", "b/a/x.txt"} <= {file.path for file in result.valid.files}


def test_ignore_files_above_the_project_count_up_to_the_repository(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.py\n", "repository/.git/HEAD": ""})
    write(tmp_path / "repository", {".gitignore": "*.bin\n/apps/one/data/\n/out/\n"})
    app = {"worker.py": WORKER, "model.bin": "", "data/table.csv": ""}
    for folder, kept in (("apps/one", {"worker.py"}), ("out/two", {*app})):
        write(tmp_path / "repository" / folder, app)
        result = compile_folder(tmp_path / "repository" / folder)
        assert {file.path for file in result.valid.files} == kept
    assert {
        e.source for e in compile_folder(tmp_path / "repository/apps/one").valid.exclusions
    } == {"../../.gitignore"}


def test_classes_with_two_bases_each_are_ordered_quickly(tmp_path: Path) -> None:
    """There are more ways up through the bases than anybody can follow."""
    lines = ["class C300: name = 'w'", "class C299: pass"]
    lines += [f"class C{n}(C{n + 1}, C{n + 2}): pass" for n in range(298, 0, -1)]
    head, _, rest = WORKER.partition("@Endpoint(")
    text = head + "\n".join(lines) + f"\nassert C1.name == 'w'\n@Endpoint({rest}"
    started = time.process_time()
    assert compile_files(tmp_path, {"worker.py": text}).codes == []
    assert time.process_time() - started < 30


def test_a_huge_worker_module_is_refused_quickly(tmp_path: Path) -> None:
    text = WORKER + "DATA = [\n" + '    "0123456789abcdef",\n' * 450_000 + "]\n"
    assert len(text) > 10_000_000
    started = time.monotonic()
    assert compile_files(tmp_path, {"worker.py": text}).codes[0] == "FC005"
    assert time.monotonic() - started < 30


def test_a_huge_data_module_is_no_problem(tmp_path: Path) -> None:
    data = "DATA = [\n" + '    "0123456789abcdef",\n' * 100_000 + "]\n"
    worker = WORKER.replace("return x", "from data import DATA; return DATA[x]")
    assert compile_files(tmp_path, {"data.py": data, "worker.py": worker}).codes == []


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 3000 + "1" + ")" * 3000,
        "x = " + "-" * 3000 + "1",
        "x = " + "+".join(["1"] * 3000),
        "\x00",
        "def f(:\n",
        "'''",
        "if True:\n\tx = 1\n        y = 2\n",
        "while True: pass\n",
        "x = 9 ** 9 ** 9 ** 9\n",
        "x = 'a' * 10 ** 12\n",
        "x = [[[0] * 1000] * 1000] * 1000\n",
        "for i in range(10 ** 12): x = i\n",
        "def f(): return f()\nf()\n",
        "x = f'{1:>1000000000}'\n",
        "x = 1 << 10 ** 10\n",
        "x = []\nx.append(x)\ny = x == x\nz = str(x)\n",
        "x = {}\nx['x'] = x\nprint(x)\n",
        "class A(A): pass\n",
        "import worker\nfrom worker import *\nx = worker.x\n",
        "import worker as n0\n"
        + "".join(f"n{i} = n{i - 1}.a\nn{i} = n{i - 1}.b\nn{i} = n0\n" for i in range(1, 40)),
        "a, b = b, a\na = b\nb = a\n" * 30,
    ],
)
def test_nothing_hangs_or_crashes(text: str, tmp_path: Path) -> None:
    """For every text of a module, the result is a program or a diagnostic, within seconds."""
    started = time.monotonic()
    result = compile_files(tmp_path, {"worker.py": WORKER + text})
    assert result.program is not None or result.codes
    assert time.monotonic() - started < 20


def test_a_stray_python_2_file_is_no_error(tmp_path: Path) -> None:
    files = {"worker.py": WORKER, "old.py": "print 'hello'\n", "template.py": "{{ name }} = $x\n"}
    assert compile_files(tmp_path, files).codes == []


def test_a_broken_module_that_a_worker_imports_is_an_error(tmp_path: Path) -> None:
    worker = WORKER.replace("return x", "import old; return old")
    result = compile_files(tmp_path, {"worker.py": worker, "old.py": "print 'hello'\n"})
    assert result.found("FC001").path == "old.py"


@pytest.mark.parametrize(
    "text",
    [
        "X = b'a' 'b'",
        "X = 'a' b'b'",
        "f(**a, *b)",
        "def g(a=1, b): pass",
        "f(x=1, y)",
        "X = f'a' b'b'",
    ],
)
def test_what_only_the_grammar_allows_is_a_syntax_error(text: str, tmp_path: Path) -> None:
    finding = compile_files(tmp_path, {"worker.py": f"{WORKER}\n{text}\n"}).found("FC001")
    assert finding.line == len(WORKER.splitlines()) + 2


def test_an_annotation_in_a_string_that_only_the_grammar_allows_is_no_crash(tmp_path: Path) -> None:
    text = WORKER.replace("x: int", 'x: \'b"a" "b"\'')
    assert text != WORKER
    compile_files(tmp_path, {"worker.py": text})


def test_many_errors_are_found_in_one_run(tmp_path: Path) -> None:
    one = 'from runpod_flash import Endpoint\n\n@Endpoint(name="a", workers=-1, idle_timeout=0, gpus=1)\nasync def f(): pass\n'
    two = 'from runpod_flash import Endpoint\n\n@Endpoint(name="a", cpu="cpu9")\nasync def g(): pass\n'
    codes = compile_files(tmp_path, {"one.py": one, "two.py": two}).codes
    assert sorted(codes) == ["FC101", "FC108", "FC108", "FC109", "FC202"]


def test_no_code_of_the_project_runs(tmp_path: Path) -> None:
    """A project whose every module writes a file, exits or loops compiles, and no file appears."""
    marker = tmp_path / "ran"
    bad = [
        f"open({str(marker)!r}, 'w').write('x')",
        "import sys; sys.exit(3)",
        "while True: pass",
        "raise SystemExit",
        f"__import__('os').system('touch {marker}')",
        f"exec(\"open({str(marker)!r}, 'w')\")",
    ]
    files: dict[str, str | bytes] = {
        f"worker_{number}.py": WORKER.replace('"w"', f'"w{number}"').replace(
            "def run", f"def run{number}"
        )
        + line
        + "\n"
        for number, line in enumerate(bad)
    }
    files["setup.py"] = files["conftest.py"] = bad[0]
    started = time.monotonic()
    result = compile_files(tmp_path / "app", files)
    assert not marker.exists()
    assert time.monotonic() - started < 60
    assert [(d.rule.code, d.path) for d in result.diagnostics] == [
        ("FC127", "worker_1.py"),
        ("FC126", "worker_2.py"),
        ("FC127", "worker_3.py"),
    ]


def test_an_included_file_of_requirements_is_named_and_one_from_outside_is_not_shown(
    tmp_path: Path,
) -> None:
    (tmp_path / "secrets.txt").write_text("numpy\npassword of alice\n/home/alice\n")
    files = {
        "worker.py": WORKER,
        "requirements.txt": "-r more/base.txt\n-r ../secrets.txt\nbad here\n",
        "more/base.txt": "pandas\nbad there\n",
    }
    reason = "Expected semicolon (after name with no version specifier) or end"
    found = compile_files(tmp_path / "app", files).diagnostics
    assert {(d.path, d.line, d.message) for d in found if d.rule.code == "FC409"} == {
        (
            "requirements.txt",
            2,
            "`requirements.txt`: line 2 of `../secrets.txt` is not a valid requirement",
        ),
        (
            "requirements.txt",
            2,
            "`requirements.txt`: line 3 of `../secrets.txt` is not a valid requirement",
        ),
        (
            "requirements.txt",
            3,
            f"`requirements.txt`: `bad here` is not a valid requirement: {reason}",
        ),
        ("more/base.txt", 2, f"`more/base.txt`: `bad there` is not a valid requirement: {reason}"),
    }
    assert "alice" not in str(found)


@pytest.mark.parametrize("included", ["pipe", "/dev/zero", "folder", "../outside"])
def test_only_regular_files_are_included_in_requirements(included: str, tmp_path: Path) -> None:
    root = write(tmp_path / "app", {"worker.py": WORKER, "folder/a.txt": ""})
    for pipe in (root / "pipe", tmp_path / "outside"):
        os.mkfifo(pipe)
    write(root, {"requirements.txt": f'attrs  # not -r /dev/zero\n-r "{included}"\n'})
    found = [d for d in compile_folder(root).diagnostics if d.rule.code == "FC409"]
    assert [d.message for d in found] == [f"`requirements.txt`: `{included}` is not a regular file"]
    assert isinstance(found[0].location, Span)
    assert found[0].location.line == 2
