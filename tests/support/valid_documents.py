"""Valid documents of every format that flashc reads, from which fuzz tests make wrong ones."""

from __future__ import annotations

from typing import Any

WORKER = """\
from runpod_flash import Endpoint, GpuGroup
import tools

@Endpoint(name="w", gpu=GpuGroup.ANY, workers=(0, 3), dependencies=["gauge>=1"], env={"MODE": tools.MODE})
async def run(x: int, name: str = "é") -> dict:
    \"\"\"Return x.\"\"\"
    return {"x": x, "name": f"{name!r:>{x}}"}

api = Endpoint(name="api", cpu="cpu3c-1-2")

@api.get("/items/{item}")
async def item(item: int):
    return await run(item)
"""
TOOLS = (
    'import json, os\nMODE = os.environ.get("MODE", "fast")\nSIZES = [2 ** i for i in range(5)]\n'
)
SMALL_WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)
REQUIREMENTS = """\
# what the app needs
--index-url https://example.org/simple
--extra-index-url https://example.org/more
-r more/base.txt
-c limits.txt
gauge[cli,http2]>=1.0,<2 ; python_version < "3.13" and sys_platform == "linux"  # why
pointer==1.0 \\
    --hash=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \\
    --hash=sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
boat @ https://example.org/boat-1.0-py3-none-any.whl#sha256=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
sail @ git+https://example.org/a/sail.git@v1#subdirectory=lib
-e ./lib
./lib[x]
"""
PIP_WORDS = (
    "--pre --no-binary :all: --only-binary --find-links --no-index --trusted-host --require-hashes -f -i "
    "--constraint --requirement --editable --global-option --config-settings -r\\\n -c\\\n ; extra== ~=1.0 ===x"
).split(" ")
UV_LOCK: dict[str, Any] = {
    "version": 1,
    "revision": 2,
    "requires-python": ">=3.11",
    "resolution-markers": ["python_full_version >= '3.12'", "python_full_version < '3.12'"],
    "package": [
        {"name": "app", "version": "1", "source": {"virtual": "."}, "dependencies": [{"name": "gauge"}]},
        {
            "name": "gauge",
            "version": "1.2",
            "source": {"registry": "https://example.org/simple"},
            "resolution-markers": ["python_full_version >= '3.12'"],
            "sdist": {"url": "https://example.org/g.tar.gz", "hash": "sha256:" + "a" * 64, "size": 10},
            "wheels": [{"url": "https://example.org/g.whl", "hash": "sha256:" + "b" * 64, "size": 9}],
        },
        {"name": "sail", "version": "2", "source": {"git": "https://example.org/sail?rev=v1#0123abcd"}},
    ],
}  # fmt: skip
POETRY_LOCK: dict[str, Any] = {
    "package": [
        {
            "name": "pointer",
            "version": "1.2.3",
            "optional": False,
            "python-versions": ">=3.8",
            "groups": ["main"],
            "files": [{"file": "pointer.whl", "hash": "sha256:" + "a" * 64}],
            "dependencies": {"x": {"version": "*", "markers": "python_version < '3.12'"}},
        },
        {"name": "sail", "version": "1", "source": {"type": "git", "url": "u", "resolved_reference": "0"}},
    ],
    "extras": {"gpu": ["boat"]},
    "metadata": {"lock-version": "2.1", "python-versions": "^3.11", "content-hash": "0"},
}  # fmt: skip
PDM_LOCK: dict[str, Any] = {
    "metadata": {"groups": ["default"], "strategy": ["inherit_metadata"], "lock_version": "4.5.0"},
    "package": [{"name": "gauge", "version": "1", "groups": ["default"], "files": [{"hash": "x"}]}],
}
PYLOCK: dict[str, Any] = {
    "lock-version": "1.0",
    "created-by": "uv",
    "requires-python": ">=3.11",
    "environments": ["sys_platform == 'linux'"],
    "extras": ["gpu"],
    "dependency-groups": ["dev"],
    "default-groups": ["main"],
    "packages": [
        {
            "name": "gauge",
            "version": "1.0",
            "index": "https://example.org/simple",
            "marker": "'gpu' in extras or 'dev' in dependency_groups",
            "requires-python": ">=3.8",
            "dependencies": [{"name": "boat"}],
            "wheels": [
                {"name": "gauge-1.0-py3-none-any.whl", "url": "https://example.org/g.whl", "size": 9}
                | {"hashes": {"sha256": "a" * 64}}
            ],
            "sdist": {"name": "gauge-1.0.tar.gz", "url": "u", "hashes": {"sha256": "b" * 64}},
        },
        {"name": "sail", "vcs": {"type": "git", "url": "https://example.org/s", "commit-id": "0" * 40}},
        {"name": "local", "directory": {"path": "lib", "editable": True}},
        {"name": "boat", "version": "2", "archive": {"url": "https://x/b.zip", "hashes": {"sha256": "c" * 64}}},
    ],
}  # fmt: skip
PIPFILE: dict[str, Any] = {
    "source": [{"name": "pypi", "url": "https://example.org/simple", "verify_ssl": True}],
    "packages": {
        "gauge": "*",
        "boat": {"version": ">=1", "extras": ["x"], "markers": "sys_platform == 'linux'"},
        "sail": {"git": "https://example.org/s.git", "ref": "v1", "subdirectory": "lib"},
        "local": {"path": "./lib", "editable": True},
        "other": {"version": "==1", "index": "pypi", "python_version": "< '3.13'"},
    },
    "dev-packages": {"tester": "*"},
    "requires": {"python_version": "3.12"},
}
PIPFILE_LOCK: dict[str, Any] = {
    "_meta": {"hash": {"sha256": "0"}, "pipfile-spec": 6, "requires": {}, "sources": []},
    "default": {
        "gauge": {"hashes": ["sha256:" + "a" * 64], "index": "pypi", "version": "==1.2"},
        "boat": {"version": "==1", "markers": "python_version >= '3.8'"},
    },
    "develop": {},
}
PYPROJECT: dict[str, Any] = {
    "project": {
        "name": "app",
        "version": "1",
        "dynamic": ["version"],
        "requires-python": ">=3.10",
        "dependencies": ["gauge>=1", "gadget @ ./lib"],
        "optional-dependencies": {"gpu": ["heavy", "app[more]"], "more": ["light"]},
    },
    "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
    "dependency-groups": {"dev": ["tester", {"include-group": "lint"}], "lint": ["linter"]},
    "tool": {
        "flashc": {
            "app": "app",
            "python-version": "3.12",
            "output": "out",
            "select": ["FC"],
            "ignore": ["FC310"],
            "exclude": ["torch"],
            "size-budget": "200 MB",
            "extras": ["gpu"],
            "groups": ["dev"],
            "trace": False,
            "locker": "uv",
            "env": {"MODE": "fast", "SIZE": "1"},
            "smoke": {"w": {"input": {"x": 1}, "output": {"x": 1}, "timeout": 10}},
            "ship": ["a.txt"],
        },
        "uv": {
            "sources": {
                "gauge": {"index": "ours"},
                "gadget": [{"path": "lib", "marker": "sys_platform == 'linux'"}],
                "heavy": {"git": "https://example.org/heavy.git", "rev": "v1"},
                "light": {"workspace": True},
            },
            "index": [{"name": "ours", "url": "https://example.org/simple", "explicit": True}],
            "workspace": {"members": ["lib", "l*"], "exclude": ["other"]},
            "constraint-dependencies": ["tester<2"],
            "override-dependencies": ["linter==1"],
            "find-links": ["lib"],
            "pip": {"extra-index-url": ["https://example.org/extra"], "index-url": "https://e.org"},
        },
        "poetry": {
            "name": "app",
            "source": [{"name": "theirs", "url": "https://example.org/p", "priority": "explicit"}],
            "dependencies": {
                "python": "^3.10",
                "pointer": "^1.2",
                "sail": {"version": "~2", "extras": ["x"], "python": ">=3.10", "source": "theirs"},
                "boat": [{"version": "<2", "python": "<3.12"}, {"path": "lib", "optional": True}],
                "mast": {"git": "https://example.org/m.git", "tag": "v1", "subdirectory": "x"},
            },
            "extras": {"gpu": ["boat"]},
            "group": {"dev": {"dependencies": {"mast": "*"}}},
        },
        "pdm": {"source": [{"url": "https://example.org/simple", "name": "pypi"}]},
        "setuptools": {"dynamic": {"version": {"attr": "app.V"}}, "packages": ["a"]},
        "hatch": {"version": {"path": "a.py"}, "build": {"targets": {"wheel": {"packages": ["a"]}}}},
    },
}  # fmt: skip
UV_TOML: dict[str, Any] = {
    **PYPROJECT["tool"]["uv"],
    "no-index": False,
    "index-strategy": "first-index",
    "allow-insecure-host": ["example.org"],
}
LOCK = f"""\
# flash.lock, written by `flashc lock`; do not edit.
# format: 1
# python: 3.12
# inputs: {"a" * 64}

gauge==1.0 \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
    # via
    #   the app
    #   boat
boat @ https://example.org/boat-1.0-py3-none-any.whl \\
    --hash=sha256:{"c" * 64}
    # via the app
sail @ git+https://example.org/s.git@0123#subdirectory=lib
    # via -r requirements.in

# endpoint w asks for: gauge
# endpoint w needs: gauge boat
"""
IGNORE = "*.bin\n!keep.bin\n/data/\n\\#x\n[a-z]?.txt\n**/deep/**/x\n a \\ \n# comment\nfoo/*/bar/\n"
ENV_FILE = (
    "A=1\nexport B='two words' # note\nC=\"x\\n${A}y\"\nD=\nE\nF=`x`\nexport G=${UNKNOWN:-a}\n"
)
JSON_DATA: dict[str, Any] = {
    "name": "w",
    "workers": [0, 3],
    "gpu": {"kind": "ANY", "count": 1.0},
    "env": {"A": "b", "é": None},
    "cells": [{"cell_type": "code", "source": ["x = 1\n"], "outputs": [], "metadata": {}}],
    "nbformat": 4,
}
YAML_DATA = """\
base: &base {workers: 3, name: w}
more:
  <<: *base
  list: [1, 2.5, yes, ~, 2024-01-01, 0o17, 1_000, .inf]
  text: |
    two
    lines
  folded: >-
    one
anchor: &a [*base, *base]
? complex
: value
"""
INI_DATA = "[DEFAULT]\nroot = /srv\n[w]\nworkers = 3\npath = %(root)s/x\n multi\n  line\nflag\n"
FAULTS = """\
seed = 7
[limits]
workers = 2
[[fault]]
kind = "cold-start"
endpoint = "w"
seconds = 2.5
[[fault]]
kind = "network"
caller = "api"
endpoint = "w"
delay = 0.5
"""
USER_OPTIONS: dict[str, Any] = {
    "trace": False,
    "allow_build": False,
    "allow-build": False,
    "locker": "uv",
    "output": "~/out",
}
KEY_FILE = (
    'apikey = "rpa_0123"\n[default]\n# key\napi_key = "rpa_abc"\nother = 1\n[a.b]\nc = [1, 2]\n'
)
METADATA = """\
Metadata-Version: 2.3
Name: gauge
Version: 1.0
Requires-Dist: boat>=1 ; python_version < "3.13"
Requires-Dist: sail @ file:///srv/sail
Requires-Dist: mast @ git+https://example.org/m.git@v1
Provides-Extra: x

Long text.
"""
RECORD = f"""\
gauge/__init__.py,sha256={"A" * 43},12
"gauge/a,b.py",sha512=AAAA,3
gauge-1.0.dist-info/METADATA,sha256={"B" * 43},100
gauge-1.0.dist-info/RECORD,,
../../bin/x,sha256={"C" * 43},1
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
SETUP_CFG = "[metadata]\nname = x\n[options]\ninstall_requires =\n    gauge>=1\n    boat\n"
