"""Options of installers in requirement lists and locks, and settings by which a project asks for more than it may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flashc.api import build_project
from flashc_backends.dependencies.lock import InvalidLock, read
from tests.support import valid_documents as valid
from tests.support.fuzzing import limits
from tests.support.projects import compile_files, opened, write

PLAIN = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\ndef f(x: int) -> int: return x\n'
OPTIONS = """\
-i https://evil.example/simple
--index-url https://evil.example/simple
--index-url=https://evil.example/simple
--extra-index-url https://evil.example/simple
--find-links https://evil.example/
-f https://evil.example/
--trusted-host evil.example
--no-index
--pre
--no-binary :all:
--only-binary :none:
--prefer-binary
--require-hashes
--no-deps
--proxy http://evil.example
--cert /etc/passwd
--client-cert /etc/passwd
--cache-dir /tmp
--python /bin/sh
--target /
--prefix /
--root /
--user
--upgrade
--ignore-installed
--no-build-isolation
--use-pep517
--config-settings=--build-option=x
--global-option=--x
--install-option=--x
--src /tmp
--log /tmp/x
--isolated
--keyring-provider subprocess
--use-feature fast-deps
--report /tmp/x
-e git+https://evil.example/x.git#egg=x
-e .
-e /etc
--editable ..
-r /etc/passwd
-r ../../etc/passwd
-r https://evil.example/r.txt
-c https://evil.example/c.txt
-c /etc/passwd
--requirement=/etc/shadow
--constraint=/etc/shadow
alpha --index-url https://evil.example/simple
alpha --hash=md5:00
alpha --hash=sha256:zz
alpha --global-option=x --install-option=y
alpha --config-settings "x=y"
alpha @ file:///etc/passwd
alpha @ git+file:///etc
alpha @ git+ext::sh%20-c%20touch%20ran
alpha @ git+ssh://-oProxyCommand=touch ran/x
alpha @ hg+https://evil.example/x
alpha @ svn+ssh://evil.example/x
alpha @ http://evil.example/x-1.0-py3-none-any.whl
alpha @ data:text/plain,x
alpha @ ../../../etc
alpha @ ~root/x
alpha @ ${HOME}/x
alpha; import os
alpha $(touch ran)
alpha `touch ran`
alpha | touch ran
alpha && touch ran
alpha\\
alpha #\\
""".splitlines()
# Text that a lock of flashc never has: options, other sources, other forms.
IN_LOCKS = [line for line in OPTIONS if line.startswith("-") or " --" in line]
ASKS = {
    "trace": "[tool.flashc]\ntrace = true",
    "trace as text": '[tool.flashc]\ntrace = "yes"',
    "trace as a table": "[tool.flashc.trace]\non = true",
    "trace in quotes": '[tool.flashc]\n"trace" = true',
    "trace in a dotted table": "[tool]\nflashc.trace = true",
    "trace inline": "tool = {flashc = {trace = true}}",
    "no sandbox": "[tool.flashc]\nno-sandbox = true",
    "no sandbox with underscore": "[tool.flashc]\nno_sandbox = true",
    "both": "[tool.flashc]\ntrace = true\nno-sandbox = true",
    "builds": "[tool.flashc]\nallow-build = true",
    "builds with underscore": "[tool.flashc]\nallow_build = true",
    "builds in capitals": "[tool.flashc]\nALLOW_BUILD = true",
    "another resolver": '[tool.flashc]\nlocker = "pip-tools"',
    "resolver by path": '[tool.flashc]\nlocker = "/bin/sh"',
    "variables of flashc": '[tool.flashc.env]\nFLASHC_TRACE = "1"\nFLASHC_ALLOW_BUILD = "1"\nFLASHC_NO_SANDBOX = "1"',
    "variable of the configuration": '[tool.flashc.env]\nFLASHC_CONFIG_FILE = "evil.toml"',
    "variable of the cache": '[tool.flashc.env]\nFLASHC_CACHE_DIR = "evil"\nFLASHC_STATE_DIR = "evil"',
    "variables of Python": '[tool.flashc.env]\nPYTHONPATH = "evil"\nPYTHONSTARTUP = "evil.py"\nPYTHONHOME = "evil"',
    "variables of the linker": '[tool.flashc.env]\nLD_PRELOAD = "./evil.so"\nPATH = "evil"',
    "variables of git": '[tool.flashc.env]\nGIT_SSH_COMMAND = "touch ran"\nGIT_CONFIG_COUNT = "1"',
    "variables of uv": '[tool.flashc.env]\nUV_PYTHON = "evil"\nUV_INDEX_URL = "https://evil.example"',
    "variables of pip": '[tool.flashc.env]\nPIP_INDEX_URL = "https://evil.example"\nPIP_CONFIG_FILE = "evil.ini"',
    "variables of proxies": '[tool.flashc.env]\nHTTPS_PROXY = "http://evil.example"\nSSL_CERT_FILE = "evil.pem"',
    "output above": '[tool.flashc]\noutput = "../evil"',
    "absolute output": '[tool.flashc]\noutput = "/tmp/flashc-evil"',
    "output at home": '[tool.flashc]\noutput = "~/evil"',
    "output through dots": '[tool.flashc]\noutput = "a/../../evil"',
    "output in a variable": '[tool.flashc]\noutput = "$HOME/evil"',
    "output that is the project": '[tool.flashc]\noutput = "."',
    "output that is empty": '[tool.flashc]\noutput = ""',
    "output with a null character": '[tool.flashc]\noutput = "a\\u0000b"',
    "output that is a module": '[tool.flashc]\noutput = "main.py"',
    "output in the repository": '[tool.flashc]\noutput = ".git/hooks"',
    "output that is long": f'[tool.flashc]\noutput = "{"a" * 5000}"',
    "cache of uv": '[tool.uv]\ncache-dir = "evil"\npython-install-mirror = "https://evil.example"',
    "Python of uv": '[tool.uv]\npython-preference = "only-managed"\npython-downloads = "automatic"',
    "builds of uv": '[tool.uv]\nno-build-isolation = true\nconfig-settings = {x = "y"}\nno-binary = true',
    "keyring of uv": '[tool.uv]\nkeyring-provider = "subprocess"\nallow-insecure-host = ["*"]',
    "unknown option": "[tool.flashc]\nrun = 'touch ran'",
    "other tables": "[tool.flashc.hooks]\nbefore = 'touch ran'",
    "build backend": "[build-system]\nrequires = []\nbuild-backend = 'evil'\nbackend-path = ['.']",
    "size that is endless": '[tool.flashc]\nsize-budget = "9999999999999999999999 GB"',
    "Python that is a program": '[tool.flashc]\npython-version = "3.12; touch ran"',
}  # fmt: skip
FROM_ENV_FILE = "TRACE NO_SANDBOX ALLOW_BUILD LOCKER OUTPUT CONFIG_FILE CACHE_DIR STATE_DIR".split()
VARIANTS = {
    "options in requirements.txt": len(OPTIONS),
    "options in an included file": len(OPTIONS),
    "options in flash.lock": len(IN_LOCKS),
    "settings of a project": len(ASKS),
    "variables in the .env of a project": len(FROM_ENV_FILE),
}


@pytest.mark.parametrize("name", ["requirements.txt", "more/base.txt"])
def test_options_are_honoured_or_refused(name: str, tmp_path: Path) -> None:
    """Each option alone; none is dropped, and none is taken for a package."""
    for number, line in enumerate(OPTIONS):
        files: dict[str, str | bytes] = {"main.py": PLAIN, "requirements.txt": "-r more/base.txt\n"}
        files[name] = f"beta==1.0\n{line}\n"
        with limits():
            found = compile_files(tmp_path / str(number), files)
        assert not (tmp_path / str(number) / "ran").exists()
        if found.program is None:
            assert found.codes
            continue
        names = {each.name for each in found.program.requirements}
        assert names <= {"beta", "alpha", "x"}, (line, names)
        shown = repr((found.program.resolver, found.program.requirements, found.codes))
        assert "evil.example" not in line or "evil.example" in shown or found.codes, line


def test_no_option_is_read_from_a_lock() -> None:
    for line in IN_LOCKS:
        for place in ("\ngauge==1.0", "\n# endpoint w asks"):
            text = valid.LOCK.replace(place, f"\n{line}{place}", 1)
            assert text != valid.LOCK
            with pytest.raises(InvalidLock):
                read(text)


@pytest.mark.parametrize("ask", ASKS)
def test_a_project_gets_no_more_than_it_may(
    ask: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    text = f"{ASKS[ask]}\n"
    app = write(tmp_path / "base" / "app", {"main.py": PLAIN, "pyproject.toml": text})
    with limits():
        result = build_project(opened(app, no_install=True, python_version=None))
    options = opened(app, python_version=None).options
    assert {options.trace, options.no_sandbox, options.allow_build} == {False}
    assert options.locker == "uv"
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == ["app"]
    assert not (tmp_path / "home").exists()
    assert not list(app.rglob("ran"))
    assert not list(app.glob("evil*"))
    assert (app / "main.py").read_text() == PLAIN
    assert result.artifact is None or result.artifact.is_relative_to(app)


def test_the_env_file_of_a_project_sets_no_options(tmp_path: Path) -> None:
    lines = [f"FLASHC_{name}={'1' if 'DIR' not in name else 'evil'}\n" for name in FROM_ENV_FILE]
    app = write(tmp_path, {"main.py": PLAIN, ".env": "".join(lines)})
    options = opened(app).options
    assert {options.trace, options.no_sandbox, options.allow_build} == {False}
    assert options.locker == "uv"
    build_project(opened(app, no_install=True))
    assert not list(tmp_path.rglob("evil*"))
    assert json.dumps(sorted(p.name for p in tmp_path.iterdir())) == '[".env", ".flash", "main.py"]'
