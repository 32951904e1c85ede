"""Secrets are planted wherever a user has some; commands run; no byte that they write or print shows one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.e2e.test_editor import editor
from tests.support.client_machine import SECONDS, Machine, platform
from tests.support.package_index import Package, package_index
from tests.support.planted_secrets import Search
from tests.support.projects import write
from tests.support.tracing import HAS_SANDBOX

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SECRETS = {
    # In the environment; some have characters that encodings change.
    "SHOP_KEY": 'kQ7"vé\\Zt/9 mWx+4R',
    "SHOP_URL_TOKEN": "uT3xB8nLq2Vw6KzY",
    "SHOP_INDEX_PASSWORD": "iP5rJ9sGd3Hf7McX",
    "SHOP_GIT_TOKEN": "gT8yD4wSa6Qe2NbV",
    "SHOP_REGISTRY": "rG2mL7kFh9Jc4TzP",
    "UV_INDEX_CORP_PASSWORD": "uV6nC3bXz8As5DfG",
    "PIP_PASSWORD": "pP4hK8jLq7We3RtY",
    # In files.
    "in .env": "dE9vN2mBx5Cz7LkJ",
    "in a file that is excluded": "xF3tR7yUi9Op2AsD",
    "in uv.toml": "uC5gH8jKl4Zx6CvB",
    "in pip.conf": "pC7nM2qWe8Rt3YuI",
    "in .netrc": "nR4oP9aSd6Fg8HjK",
    "in a literal": "lT2zX7cVb5Nm9QwE",
}
IN_ENVIRONMENT = {name: value for name, value in SECRETS.items() if " " not in name}

SHOP = """
import os
from runpod_flash import Endpoint

KEY = os.environ["SHOP_KEY"]

@Endpoint(
    name="shop", cpu="cpu3c-1-2",
    env={{"SHOP_KEY": KEY, "URL": f"https://shop.dev/?k={{KEY}}", "FROM_FILE": os.environ["SHOP_FROM_FILE"]}},
    dependencies=[f"alpha @ {index}/files/alpha-1.0-py3-none-any.whl"],
)
async def sell(x: int):
    import alpha, beta
    return x + 1
"""
# What a value of the environment can be turned into; each is an endpoint of its own, which is refused.
COMPUTED = [
    "env={'A': KEY[::-1]}",
    "env={'A': base64.b64encode(KEY.encode()).decode()}",
    "env={'A': f'{KEY[2:]}'}",
    "env={'A': f'{KEY!r:>40}'}",
    "env={'A': hashlib.sha256(KEY.encode()).hexdigest()}",
    "env={'A': KEY.encode().hex()}",
    "env={'A': json.dumps([KEY])}",
    "env={'A': '%s' % KEY.upper()}",
    "env={'A': ''.join(sorted(KEY))}",
    "env={'A': quote(KEY)}",
    "env={KEY: 'x'}",
    "template=PodTemplate(startScript='login ' + KEY)",
    "template=PodTemplate(dockerArgs=KEY[1:])",
    "template=PodTemplate(containerRegistryAuthId=os.environ['SHOP_REGISTRY'])",
    "system_dependencies=[KEY]",
    "dependencies=['six==' + KEY]",
    "dependencies=['six @ https://shop.dev/' + KEY[3:] + '/six-1.0-py3-none-any.whl']",
    "min_cuda_version=KEY",
]
HEAD = """
import base64, hashlib, json, os
from urllib.parse import quote
from runpod_flash import Endpoint, PodTemplate
KEY = os.environ["SHOP_KEY"]
"""
LITERALS = """
from runpod_flash import Endpoint, PodTemplate
URL = "https://ci:{literal}@files.shop.dev/six-1.0-py3-none-any.whl"

@Endpoint(name="a", dependencies=["six @ " + URL], template=PodTemplate(startScript="curl " + URL),
          env={{"API_KEY": "{literal}"}}, wrong="https://ci:{literal}@files.shop.dev")
async def a(x: int): return unknown("https://ci:{literal}@files.shop.dev")

@Endpoint(name="b", workrs=(0, 2), env={{"API_KEY": "{literal}"}})  # the fix is on a line with a secret
async def b(x: int): return x
"""


@dataclass
class Runs:
    """Runs commands on a machine with planted secrets, and looks at what they print."""

    machine: Machine
    cache: Path
    search: Search
    platform: dict[str, str]
    commands: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    @property
    def variables(self) -> dict[str, str]:
        """The variables of commands."""
        return {
            **self.machine.environ,
            **self.platform,
            **IN_ENVIRONMENT,
            "FLASHC_CACHE_DIR": str(self.cache),
            "UV_CACHE_DIR": str(self.machine.folder / ".cache" / "uv"),
            "UV_INDEX_CORP_USERNAME": "ci",
            "XDG_CONFIG_HOME": str(self.machine.folder / ".config"),
            "XDG_CACHE_HOME": str(self.machine.folder / ".cache"),
        }

    def run(self, app: Path, *words: str, status: int = 0) -> None:
        """Run a command in the folder of an app, against the platform, and look at what it prints."""
        done = subprocess.run(
            self.machine.flashc(*words),
            cwd=app,
            env=self.variables,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )
        self.commands.add((app.name, *words))
        assert done.returncode == status, (words, done.stdout.decode(), done.stderr.decode())
        self.search.text(f"standard output of {words}", done.stdout)
        self.search.text(f"standard error of {words}", done.stderr)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[Runs]:
    """A machine with a platform that runs, and with secrets in the places where users have them.

    The platform and its workers have none of the secrets, and the cache of the other tests.
    """
    folder = tmp_path_factory.mktemp("planted")
    machine = Machine(folder, cache_folder)
    # The packages of the workers' image, which are no one's secret.
    machine.environ["UV_CACHE_DIR"] = str(Path("~/.cache/uv").expanduser())
    with platform(machine), package_index({}, [Package("alpha"), Package("beta")]) as (index, _):
        shown = subprocess.run(
            machine.flashc("platform", "env"), env=machine.environ, capture_output=True, text=True
        )
        pairs = [line.removeprefix("export ").split("=", 1) for line in shown.stdout.splitlines()]
        found = {name: value.strip("'") for name, value in pairs}
        made = Runs(machine, folder / "own-cache", Search(SECRETS), found)
        plant(made, index)
        yield made


def plant(runs: Runs, index: str) -> None:
    """Write the projects, and the user's files with secrets."""
    home = runs.machine.folder
    host = index.removeprefix("http://").partition(":")[0]
    shop = SHOP.format(
        index=index.replace("://", "://{os.environ['SHOP_URL_TOKEN']}@").removesuffix("/simple")
    )
    settings = f'[tool.flashc]\npython-version = "{PYTHON}"\n'
    corp = index.replace("://", "://ci:{}@")
    write(
        home,
        {
            "shop/worker.py": shop,
            "shop/pyproject.toml": settings,
            "shop/requirements.txt": f"--index-url {corp.format('${SHOP_INDEX_PASSWORD}')}\nbeta\n",
            "shop/.env": f"SHOP_FROM_FILE={SECRETS['in .env']}\n",
            "shop/.flashignore": "private/\n",
            "shop/private/notes.py": f"TOKEN = {SECRETS['in a file that is excluded']!r}\n",
            "computed/worker.py": HEAD
            + "".join(
                f"\n@Endpoint(name='w{number}', {arguments})\nasync def w{number}(x: int): return x\n"
                for number, arguments in enumerate(COMPUTED)
            ),
            "traced/worker.py": HEAD
            + "\nfor name in eval(\"['a', 'b']\"):\n"
            + "    globals()[name] = Endpoint(name=name, image='o/' + KEY[::-1].lower()[:3])\n",
            "literals/worker.py": LITERALS.format(literal=SECRETS["in a literal"]),
            "literals/requirements.txt": f"six @ https://ci:{SECRETS['in a literal']}@files.shop.dev/six.whl\nx y\n",
            "literals/app.yaml": f"password: {SECRETS['in a literal']}\n",
            "remote/worker.py": "from runpod_flash import Endpoint\n\n"
            "@Endpoint(name='r')\nasync def r(x: int): return x\n",
            "remote/requirements.txt": "six @ git+https://ci:${SHOP_GIT_TOKEN}@no.such.host.invalid/six.git\n",
            ".config/uv/uv.toml": f'extra-index-url = ["{corp.format(SECRETS["in uv.toml"])}"]\n',
            ".config/pip/pip.conf": f"[global]\nextra-index-url = {corp.format(SECRETS['in pip.conf'])}\n",
            ".netrc": f"machine {host} login ci password {SECRETS['in .netrc']}\n",
        },
    )
    (home / ".netrc").chmod(0o600)


def planted(runs: Runs) -> set[Path]:
    """Return the files into which the test itself wrote secrets."""
    home = runs.machine.folder
    return {
        home / name
        for name in (
            *(
                "shop/.env",
                "shop/private/notes.py",
                "literals/worker.py",
                "literals/requirements.txt",
            ),
            *("literals/app.yaml", ".config/uv/uv.toml", ".config/pip/pip.conf", ".netrc"),
        )
    }


def is_allowed(where: str, name: str) -> bool:
    """Return whether a secret may be where it was found.

    The platform, which stands in for Runpod's, stores the values that a deployment gives it.  A literal
    is a part of its module, and so of what the cache has of the module.
    """
    is_of_platform = "/state/platform/platform.sqlite" in where
    return is_of_platform or (name == "in a literal" and "/own-cache/v1/summaries/" in where)


CONTRACTS = ("jsonschema", "openapi", "client", "graph")
FORMATS = ("text", "json", "sarif", "github")


def test_no_command_writes_or_prints_a_secret(runs: Runs) -> None:
    home = runs.machine.folder
    shop = home / "shop"
    for each in FORMATS:
        runs.run(shop, "check", "--format", each)
    runs.run(shop, "lock")
    for each in ("text", "json"):
        runs.run(shop, "build", "--format", each)
    runs.run(shop, "build", "--per-endpoint", "--keep-build", "--locked")
    runs.run(shop, "verify", ".flash/artifact.tar.gz")
    for target in ("ir", "stubs", "handlers", "manifest", "artifact", "compose", *CONTRACTS):
        runs.run(shop, "emit", "--target", target, "-o", f"../out-{target}")
    runs.run(shop, "diff", ".flash/artifact.tar.gz")
    runs.run(shop, "context")
    runs.run(shop, "emit", "--target", "ir")
    runs.run(shop, "emit", "--target", "preview", "--plan", "--engine", "process")
    preview_of(runs, shop)
    runs.run(shop, "size", "--html", "../size.html")
    runs.run(shop, "check", "--fix", "--diff")
    runs.run(shop, "explain", "FC125")
    runs.run(shop, "plan", "--format", "json")
    runs.run(shop, "plan")
    runs.run(shop, "deploy", "--yes")
    runs.run(shop, "status")
    runs.run(shop, "status", "--format", "json")
    runs.run(shop, "logs")
    runs.run(shop, "history")
    runs.run(shop, "plan", "--format", "markdown")
    runs.run(shop, "secret", "list")
    runs.run(shop, "env", "list")
    runs.run(shop, "app", "list")
    runs.run(shop, "whoami")
    runs.run(shop, "undeploy", "shop", "--dry-run")
    for name in ("computed", "literals"):
        for each in FORMATS:
            runs.run(home / name, "check", "--format", each, status=1)
        runs.run(home / name, "build", status=1)
        runs.run(home / name, "lock", status=1)
        runs.run(home / name, "check", "--unsafe-fixes", "--diff")
    runs.run(home / "remote", "build", status=3)
    runs.run(home / "remote", "lock", status=3)
    for how in ([] if HAS_SANDBOX else ["--no-sandbox"]), ["--no-sandbox"]:
        runs.run(home / "traced", "check", "--trace", *how, status=1)
        runs.run(home / "traced", "emit", "--target", "ir", "--trace", *how, status=1)
    asyncio.run(edit(runs, home / "shop", home / "computed"))
    asyncio.run(ask(runs, home / "shop", home / "literals"))
    runs.run(shop, "undeploy", "shop", "--yes")
    runs.run(shop, "cache", "info")
    runs.search.folder(home, planted(runs))
    assert len(runs.commands) >= 50
    shown = sorted({found[:2] for found in runs.search.found if not is_allowed(*found[:2])})
    assert not shown, "\n".join(map(str, shown))
    # Not the counts of the moment, but enough of each that the test can fail.
    assert runs.search.texts >= 300
    assert runs.search.size >= 500_000


def preview_of(runs: Runs, app: Path) -> None:
    """Run an app here in the background, and look at what the commands print and write meanwhile."""
    runs.run(app, "emit", "--target", "preview", "--engine", "process", "--detach")
    try:
        runs.run(app, "preview", "list")
        runs.run(app, "preview", "logs")
    finally:
        runs.run(app, "preview", "stop")


async def edit(runs: Runs, *apps: Path) -> None:
    """Open the modules of apps in an editor, and look at findings, hovers and fixes."""
    for app in apps:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in runs.variables.items():
                patch.setenv(name, value)
            async with editor(app) as session:
                session.open("worker.py")
                async with asyncio.timeout(60):
                    while session.uri("worker.py") not in session.published:
                        session.news.clear()
                        await session.news.wait()
                shown = [repr(session.published)]
                text = session.texts["worker.py"][0]
                for word in ("KEY", "Endpoint(", "env=", "async def"):
                    where = session.at("worker.py", word)
                    hover = await session.client.text_document_hover_async(lsp.HoverParams(**where))
                    shown.append(repr(hover))
                end = lsp.Position(text.count("\n"), 0)
                context = lsp.CodeActionContext(session.published[session.uri("worker.py")])
                actions = await session.client.text_document_code_action_async(
                    lsp.CodeActionParams(
                        lsp.TextDocumentIdentifier(session.uri("worker.py")),
                        lsp.Range(lsp.Position(0, 0), end),
                        context,
                    )
                )
                shown.append(repr(actions))
        runs.commands.add(("lsp", app.name))
        for each in shown:
            runs.search.text(f"the language server, {app.name}", each.encode())


async def ask(runs: Runs, *apps: Path) -> None:
    """Let an agent call tools of the server for agents."""
    for app in apps:
        words = ["-m", "flashc", "mcp", str(app)]
        server = StdioServerParameters(command=sys.executable, args=words, env=runs.variables)
        async with Client(stdio_client(server)) as client:
            for tool in ("check", "size", "plan", "status"):
                answer = await client.call_tool(tool, {})
                runs.search.text(f"the tool {tool}, {app.name}", repr(answer).encode())
        runs.commands.add(("mcp", app.name))


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    """The search itself is tested: in each encoding, in files, in names, in compressed files."""
    import gzip

    from tests.support.planted_secrets import encodings_of

    secret = SECRETS["SHOP_KEY"]
    encodings = encodings_of(secret)
    for encoding, text in encodings.items():
        (tmp_path / "a.gz").write_bytes(b"12345678" + gzip.compress(b"<" + text + b">") + b"rest")
        search = Search({"a": secret})
        search.folder(tmp_path, set())
        # By this encoding, or by one whose text is in it, such as the first half.
        shown = [how for _, name, how in search.found if name == "a" and encodings[how] in text]
        assert shown, encoding
    assert os.environ.get("SHOP_KEY") is None
