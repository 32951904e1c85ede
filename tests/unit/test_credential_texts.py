"""Credentials in texts are found by their formats, names and places; what documentation shows is none."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashc.api import build_project, check_project, verify_artifact
from flashc_core import credential_texts
from flashc_core.credential_texts import find_credentials
from flashc_core.credentials import masked
from flashc_core.source import Span, WholeFile
from tests.support.projects import compile_files, opened, write

FORMATS = [
    line.split("\t")
    for line in (Path(credential_texts.__file__).parent / "data/token-formats.txt")
    .read_text()
    .splitlines()
    if line and not line.startswith("#")
]
WEB_TOKEN = (
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJzaG9wIiwiZXhwIjoxOTAwMDAwMDAwfQ"
    ".5mhBHqs5_DTLdINd9p5m7ZJ6XD0Xc55kIaCRY5r6HRA"
)
RANDOM = "x7Kq9mPz2vLw4nRtB3cY"
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDL8f3kq9Zx7Wm2" * 2
WORKER = "from runpod_flash import Endpoint\n\n@Endpoint(name='w')\nasync def w(x: int): return x\n"


def token_of(rest: str, random: Random) -> str:
    """Return a random text that an expression of the data file matches: its first alternatives."""
    text = re.sub(r"\(\?[=!][^)]*\)", "", rest)
    while "(" in text:
        text = re.sub(r"\(\?:([^()|]*)(?:\|[^()]*)?\)\??", r"\1", text)

    def expanded(match: re.Match[str]) -> str:
        characters = [each for each in map(chr, range(33, 127)) if re.fullmatch(match[1], each)]
        return "".join(
            random.choices(
                characters, k=int(match[2] or 20 if match[0][-1] == "+" else match[2] or 1)
            )
        )

    parts = r"(\[[^]]+\]|\\[wd])(?:\{(\d+)(?:,\d*)?\}|\+)?"
    return re.sub(parts, expanded, text).replace("\\.", ".")


@pytest.mark.parametrize(("service", "beginning", "rest"), FORMATS)
def test_a_token_of_every_format_is_found_wherever_it_stands(
    service: str, beginning: str, rest: str
) -> None:
    random = Random(7)
    token = WEB_TOKEN if service == "JWT" else beginning + token_of(rest, random)
    for around in (
        *(
            "KEY = '{}'",
            "key: {}\n",
            '{{"a": "{}"}}',
            "KEY={}\\n",
            "A=1\\n{}\\n",
            "see {} there",
            "{}",
        ),
        *("?key%3D{}&x", "https://db.shop.dev/?key={}", "-H 'X-Key:{}'", "({})", "`{}`"),
    ):
        text = around.format(token)
        found = find_credentials(text.encode())
        assert [each.what for each in found] == [f"a credential for {service}"], text
        assert token not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----" + "not " * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 40_000,
        "-----BEGIN PRIVATE KEY-----" + "\\n" * 200_000 + "!",
        "-----BEGIN PRIVATE KEY-----" + " \n" * 200_000 + "-----END",
        "://" * 300_000,
        "://" + "a:" * 300_000,
        "://a:" + "b@" * 300_000,
        "curl" + " -u" * 200_000,
        "curl -u " + "a:" * 200_000,
        "curl -u" + " " * 500_000,
        "basic " + "A" * 500_000,
        "password = " * 80_000,
        "--" + "password" * 80_000 + " x",
        "setx " * 100_000 + RANDOM,
        "eyJ" + "." * 500_000,
        ("eyJ" + "a" * 40 + ".") * 10_000,
        "hooks https://hooks.slack.com/services/" + "A/" * 200_000,
    ],
)
def test_a_text_that_almost_contains_credentials_is_searched_at_once(text: str) -> None:
    """The test ends, because the time grows with the length alone."""
    find_credentials(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        f"API_KEY = '{RANDOM}'",
        f'"dbPassword": "{RANDOM}"',
        f"export NPM_TOKEN={RANDOM}",
        f"secret_key: {RANDOM}",
        f"os.environ.setdefault('WANDB_API_KEY', '{RANDOM}')",
        f"os.environ['WANDB_API_KEY'] = '{RANDOM}'",
        f"SECRET: str = b'{RANDOM}'",
        f"headers = {{'Authorization': 'Bearer {RANDOM}'}}",
        f"AccountName=shop;AccountKey={RANDOM}==;EndpointSuffix=core",
        "SECRET_KEY = '8252d572dd7df79d82a5d04395d6a3a21f42a6ec7f306532a4b3ea53b3266ab5'",
        f"ENV SHOP_API_KEY {RANDOM}",
        f"ARG NPM_TOKEN '{RANDOM}'",
        f"setx SHOP_SECRET {RANDOM}",
        f"shop login --api-key {RANDOM} --yes",
        f"machine db.shop.dev login ci password {RANDOM}",
        "curl -u ci:swordfish7 https://db.shop.dev/items",
        "curl -s --user 'ci:swordfish7' https://db.shop.dev/items",
        "curl -X POST \\\n  --user=ci:swordfish7 \\\n https://db.shop.dev/items",
        "headers = {'Authorization': 'Basic Y2k6c3dvcmRmaXNoNw=='}",
        "curl -H 'authorization: basic Y2k6c3dvcmRmaXNoNw=='",
        "postgresql://app:swordfish7@db.shop.dev:5432/app",
        "postgresql://app:p@swordfish7@db.shop.dev:5432/app",
        "postgresql://app:swordfish7@db.shop.dev@x",
        "--extra-index-url https://ci:hunter2@pypi.shop.dev/simple",
        "git+https://x-access-token:Zk3vQ9xW1mN7@github.com/shop/app.git",
        "https://hooks.slack.com/services/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",
        f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----\n",
        f'{{"k": "-----BEGIN PRIVATE KEY-----\\n{BODY}\\n-----END PRIVATE KEY-----\\n"}}',
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{BODY}\n=ab\n-----END PGP PRIVATE KEY BLOCK-----",
        "sk-proj-" + RANDOM * 3,
    ],
)
def test_what_looks_random_where_a_credential_stands_is_one(text: str) -> None:
    assert len(find_credentials(text.encode())) == 1
    for secret in (
        RANDOM,
        BODY,
        "swordfish7",
        "Y2k6c3dvcmRmaXNoNw",
        "hunter2",
        "QOhXkWDeeRyc5A4jmPbV1F9u",
    ):
        assert secret not in masked(text) or secret == BODY


@pytest.mark.parametrize(
    "text",
    [
        "HF_TOKEN = 'hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        "OPENAI_API_KEY=sk-...",
        "api_key = '<your key>'",
        "api_key: your-32-character-secret",
        "token = 'hf_your_huggingface_token_goes_here_please'",
        "AWS_ACCESS_KEY_ID = 'AKIAIOSFODNN7EXAMPLE'",
        "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
        "GITHUB_TOKEN=ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "GITHUB_TOKEN=ghp_000000000000000000000000000000000000",
        "SECRET_KEY = 'dev-secret-change-in-production-2024'",
        "password: ${DB_PASSWORD}",
        "https://{user}:{password}@db.shop.dev",
        "https://$USER:$PASSWORD@db.shop.dev",
        "https://user:password@db.shop.dev",
        "ENV API_KEY $API_KEY",
        "ENV TOKENIZER_PATH /models/Qwen3-VL-235B-A22B-Instruct",
        "shop login --password $PASSWORD --user ci",
        "shop login --token-file /run/secrets/x7Kq9mPz2vLw4nRtB3cY",
        "curl -u user:password https://db.shop.dev/items",
        "curl -u $NAME:$PASSWORD https://db.shop.dev/items",
        "curl -u ci: https://db.shop.dev/items",
        "docker run -u 1000:1000 shop",
        "Basic knowledge of algebra: Basic YWxnZWJyYQ==",
        "headers = {'Authorization': 'Basic dXNlcjpwYXNzd29yZA=='}",
        "postgresql://postgres:postgres@db.shop.dev/app",
        "postgresql://app:swordfish7@localhost:5432/app",
        "redis://:swordfish7@cache:6379",
        "https://ci:swordfish7@example.com/simple",
        "six==1.17.0 --hash=sha256:8252d572dd7df79d82a5d04395d6a3a21f42a6ec7f306532a4b3ea53b3266ab5",
        "a.py,sha256=sk-sH1I6OL_lOn3fntKGV6drtVxKqLCuXK7yOyLbTxA,959",
        "revision = '710c13861be6c466e66de3f484069440b8f31389'",
        "tokenizer = 'Qwen/Qwen3-VL-235B-A22B-Instruct'",
        "id: 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "token_type: uuid = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'",
        "private_key: Ed25519PrivateKeyTypes,",
        "src = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4'",
        "KEYS = ['MINIMAX_API_KEY', 'https://api.minimax.io/v1/models']",
        "key = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9'",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "marker = '-----BEGIN RSA PRIVATE KEY-----'",
        # A JSON Web Token of a documentation, and one that every browser gets.
        "eyJhbGciOiJIUzI1NiJ9.eyJzb21lIjoicGF5bG9hZCJ9.4twFt5NiznN84AWoo1d7KO1T_yoc0Z6XOpOVswacPZg",
        "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiIsImV4cCI6MTkwMDAwMDAwMH0.q5mhBHqs5_DTLdINd9p5m7ZJ6XD",
    ],
)
def test_what_documentation_and_data_show_is_no_credential(text: str) -> None:
    assert find_credentials(text.encode()) == []


@given(st.binary(max_size=300))
def test_every_content_has_an_answer_with_positions_in_order(data: bytes) -> None:
    found = find_credentials(data)
    edges = [edge for each in found for edge in (each.start, each.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(data) for edge in edges)


# Files of a project --------------------------------------------------------------------------------


def test_the_place_is_that_of_the_secret_part(tmp_path: Path) -> None:
    token = "ghp_yFkQX0L8dW2pZr5UjMb7Vt1HnCe4GaSo9iKx"
    files = {"worker.py": f"# é\r\n{WORKER}", "conf/a.yaml": f"ä: é\r\ntoken: {token}\n"}
    found = compile_files(tmp_path, files).found("FC128")
    assert found.location == Span("conf/a.yaml", 2, 12, 2, 48)


def test_a_file_in_utf_16_has_no_places(tmp_path: Path) -> None:
    app = write(tmp_path / "app", {"worker.py": WORKER})
    (app / "a.txt").write_bytes(f"API_KEY = '{RANDOM}'".encode("utf-16"))
    (app / "b.bin").write_bytes(b"\0" + f"API_KEY = '{RANDOM}'".encode())
    found = check_project(opened(app)).diagnostics
    assert [(d.rule.code, d.location) for d in found] == [("FC128", WholeFile("a.txt"))]


def test_files_that_do_not_ship_are_not_examined(tmp_path: Path) -> None:
    text = f"API_KEY = '{RANDOM}'\n"
    files = {"worker.py": WORKER, "tests/a.py": text, ".env": text, "docs/a.yaml": text}
    assert compile_files(tmp_path, files).codes == []


def test_a_comment_suppresses_a_finding_in_a_module(tmp_path: Path) -> None:
    line = f"API_KEY = '{RANDOM}'  # flashc: ignore[FC128] of a test\n"
    assert compile_files(tmp_path, {"worker.py": line + WORKER}).codes == []


def test_an_edit_of_another_line_moves_the_finding(tmp_path: Path) -> None:
    """Results are cached by the content, also if only the place of a credential changes."""
    app = write(tmp_path / "app", {"worker.py": f"API_KEY = '{RANDOM}'\n{WORKER}"})
    for line in (1, 2, 3):
        found = check_project(opened(app)).diagnostics
        assert [(d.rule.code, d.line) for d in found] == [("FC128", line)]
        built = build_project(opened(app)).diagnostics
        assert [(d.rule.code, d.line) for d in built] == [("FC128", line)]
        (app / "worker.py").write_text(f"# {line}\n{(app / 'worker.py').read_text()}")


ALLOW = "[tool.flashc]\nallow-credentials = ['conf/key.pem']\n"
MARK = "-----BEGIN PRIVATE KEY-----\n"


def test_an_allowed_file_ships_and_is_verified(tmp_path: Path) -> None:
    files = {"worker.py": WORKER, "conf/key.pem": MARK, "pyproject.toml": ALLOW}
    app = write(tmp_path / "app", files)
    built = build_project(opened(app))
    assert built.diagnostics == ()
    assert built.artifact is not None
    assert verify_artifact(built.artifact).diagnostics == ()


def test_another_file_is_not_allowed(tmp_path: Path) -> None:
    files = {"worker.py": WORKER, "conf/other.pem": MARK, "pyproject.toml": ALLOW}
    assert compile_files(tmp_path, files).codes == ["FC009", "FC902"]


@pytest.mark.parametrize("build", [False, True])
def test_a_list_that_does_not_ship_has_no_effect(tmp_path: Path, build: bool) -> None:
    """`flashc verify` could not see it; check and build agree."""
    app = write(
        tmp_path / "app",
        {
            "worker.py": WORKER,
            "conf/key.pem": MARK,
            "pyproject.toml": ALLOW,
            ".flashignore": "pyproject.toml\n",
        },
    )
    result = build_project(opened(app)) if build else check_project(opened(app))
    assert [d.rule.code for d in result.diagnostics] == ["FC009", "FC902"]


def test_a_list_of_another_type_is_a_finding(tmp_path: Path) -> None:
    files = {
        "worker.py": WORKER,
        "conf/key.pem": MARK,
        "pyproject.toml": "[tool.flashc]\nallow-credentials = 'conf/key.pem'\n",
    }
    assert compile_files(tmp_path, files).codes == ["FC009", "FC008"]


@pytest.mark.parametrize(
    "arguments",
    [
        "template=PodTemplate(startScript='curl https://ci:' + PW + '@files.shop.dev')",
        "template=PodTemplate(dockerArgs='--token gh' f'p_{PW}QX0L8dW2pZr5UjMb7Vt1HnCe')",
        "system_dependencies=[f'curl;API_KEY={PW}7Vt1HnCe']",
        "env={'A': os.environ.get('A', 'https://ci:' + PW + '@files.shop.dev')}",
    ],
)
def test_a_computed_text_is_examined(arguments: str, tmp_path: Path) -> None:
    text = (
        "import os\nfrom runpod_flash import Endpoint, PodTemplate\nPW = 'Zk3vQ9' + 'xW1mN7'\n\n"
        f"@Endpoint(name='w', {arguments})\nasync def w(x: int): return x\n"
    )
    result = compile_files(tmp_path, {"worker.py": text})
    found = result.found("FC128")
    assert found.line == 5
    assert "Zk3vQ9xW1mN7" not in repr(found)


@pytest.mark.parametrize(
    "source",
    ["https://ci:{PW}@shop.dev/six-1.0-py3-none-any.whl", "git+https://ci:{PW}@shop.dev/six"],
)
def test_a_computed_url_of_a_package_with_a_password_is_an_error(
    source: str, tmp_path: Path
) -> None:
    text = (
        "from runpod_flash import Endpoint\nPW = 'Zk3vQ9' + 'xW1mN7'\n\n"
        f"@Endpoint(name='w', dependencies=[f'six @ {source}'])\nasync def w(x: int): return x\n"
    )
    result = compile_files(tmp_path, {"worker.py": text})
    assert result.codes == ["FC114"]
    assert "Zk3vQ9xW1mN7" not in repr(result.diagnostics)


def test_the_list_has_its_sources() -> None:
    """Each block of formats begins with a comment that names where the facts come from."""
    text = (Path(credential_texts.__file__).parent / "data/token-formats.txt").read_text()
    blocks = text.strip().split("\n\n")[1:]
    assert "gitleaks" in text.split("\n\n")[0]
    assert all(block.startswith("#") for block in blocks[1:])
    assert len(FORMATS) >= 100
