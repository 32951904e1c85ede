"""Files that hold credentials are recognised by their names and contents; templates and other files are not."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from flashc.project.discover import discover
from flashc_core import credential_files
from flashc_core.credential_files import why_credentials
from flashc_core.encoding import wide_as_utf8
from tests.support.projects import write

WORKER = """\
from runpod_flash import Endpoint

@Endpoint(name="w")
async def run(x: int):
    return x
"""


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a/.pgpass", ""),
        (".git-credentials", ""),
        ("deploy/.kube/config", ""),
        (".docker/config.json", ""),
        ("keys/release.keystore", ""),
        ("keys/server.key", "-----BEGIN EC PRIVATE KEY-----"),
        ("client_secret.json", '{"installed": {"client_secret": "GOCSPX"}}'),
        ("conf/token.json", '{"refresh_token": "1//0"}'),
        ("gcp-sa-key.json", '{"private_key": "x"}'),
        ("conf/.dockerconfigjson", "x"),
        ("credentials.json", "no JSON"),
        ("service-account.json", "x"),
        ("service_account.json", "{"),
        ("secrets.toml", "x"),
        ("deploy/secrets.yaml", ""),
        ("kubeconfig", ""),
        ("prod.kubeconfig", ""),
        ("pip.conf", ""),
        ("token.txt", ""),
        ("server.key", "x"),
        ("keys/apple.p8", ""),
        ("terraform.tfvars", ""),
        ("home/.ssh/config", ""),
        (".bash_history", ""),
        ("kaggle.json", "{}"),
        ("notes.txt", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("ID_RSA", ""),
        ("SERVER.KEY", ""),
        ("a.PEM", "-----BEGIN PRIVATE KEY-----"),
        ("Prod.Env", ""),
        (".AWS/config", ""),
        ("Client_Secret.JSON", '{"client_secret": "GOCSPX"}'),
        ("key.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
    ],
)
def test_files_with_credentials(path: str, content: str) -> None:
    assert why_credentials(path, len(content), content.encode) is not None


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".env.example", "TOKEN="),
        (".ENV.Example", "TOKEN="),
        ("docs/prod.sample.env", "TOKEN="),
        ("tokenizer.json", '{"model": {"vocab": {"client_secret": 1}}}'),
        ("special_tokens_map.json", '{"pad_token": "<pad>"}'),
        ("schema/credentials.json", '{"properties": {"client_secret": {"type": "string"}}}'),
        ("public.pem", "-----BEGIN CERTIFICATE-----"),
        ("kube/config", ""),
        ("docker/config.json", "{}"),
        ("secrets.toml.example", ""),
        ("config.sample.json", ""),
        ("ssh/config", ""),
        ("my_credentials_module.py", ""),
        ("tokens.txt", "<s>\n</s>"),
        ("vocab.txt", "PRIVATE KEY"),
        ("keys.json", "{}"),
        ("environment", ""),
        ("monkey", ""),
    ],
)
def test_files_that_only_look_alike(path: str, content: str) -> None:
    assert why_credentials(path, len(content), content.encode) is None


KEY = (
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49\n"
    "AwEHoUQDQgAEPR3tU2Fta9ktY+6P9G0cWO+0kETA6SFs38GecTyudlHz6xvCdz8q\n"
    "-----END EC PRIVATE KEY-----\n"
)
WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", WIDE)
def test_a_private_key_in_a_wide_encoding_is_one(encoding: str) -> None:
    data = KEY.encode(encoding)
    assert why_credentials("a.pem", len(data), lambda: data) == "it contains a private key"


def test_data_with_zeros_are_no_text() -> None:
    assert wide_as_utf8(b"\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0") is None
    assert wide_as_utf8(b"\0" * 40) is None
    assert wide_as_utf8(b"k\0e\0y\0") is None  # too short to tell
    assert wide_as_utf8(KEY.encode()) is None


def kinds_of_findings(folder: Path, files: dict[str, bytes]) -> dict[str, str]:
    """Check a project with these files; return the code of the only finding in each."""
    write(folder, {"worker.py": WORKER, **files})
    result = CliRunner().invoke(cli, ["check", str(folder), "--format", "json"])
    return {each["path"]: each["code"] for each in json.loads(result.stdout)["diagnostics"]}


def test_a_file_that_begins_with_a_private_key_is_one_whatever_its_name_is(tmp_path: Path) -> None:
    """A key between other lines is one of the credentials that a file contains."""
    indented = "key: |\n" + "".join(f"  {line}\n" for line in KEY.splitlines())
    files = {
        "deploy-key": KEY.encode(),
        "conf/key.yaml": f"\n{KEY}".encode(),
        "wide": KEY.encode("utf-16-le"),
        "conf/indented.yaml": indented.encode(),
        "conf/wide.yaml": indented.encode("utf-32-le"),
        "certificate": KEY.replace("PRIVATE KEY", "CERTIFICATE").encode(),
    }
    assert kinds_of_findings(tmp_path, files) == {
        "deploy-key": "FC009",
        "conf/key.yaml": "FC009",
        "wide": "FC009",
        "conf/indented.yaml": "FC128",
        "conf/wide.yaml": "FC128",
    }


def test_built_in_patterns_of_credentials_match_capitals(tmp_path: Path) -> None:
    """Only those of credentials: `Tests/` and `A.MD` are no files of tools."""
    files = {".ENV": b"", "Prod.Env": b"", ".Aws/config": b"", "Tests/a.txt": b"", "A.MD": b""}
    write(tmp_path, {"worker.py": WORKER, **files})
    assert discover(tmp_path).by_path.keys() == {"worker.py", "Tests/a.txt", "A.MD"}


def test_verify_finds_a_private_key_with_any_name(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER, "conf/deploy-key": KEY})
    settings = '[tool.flashc]\nallow-credentials = ["conf/deploy-key"]\n'
    write(tmp_path, {"pyproject.toml": settings})
    result = CliRunner().invoke(cli, ["build", str(tmp_path), "--no-deps"])
    assert result.exit_code == 0, result.output
    artifact = tmp_path / ".flash" / "artifact.tar.gz"
    assert CliRunner().invoke(cli, ["verify", str(artifact)]).exit_code == 0
    other = tmp_path / "other.tar.gz"
    with tarfile.open(artifact) as old, tarfile.open(other, "w:gz") as new:
        for member in old:
            if member.isfile() and not member.name.endswith("pyproject.toml"):
                new.addfile(member, old.extractfile(member))
    result = CliRunner().invoke(cli, ["verify", str(other)])
    assert "`conf/deploy-key`: it contains a private key" in result.stderr


def test_the_list_has_its_sources() -> None:
    """Each block of names begins with a comment that names where they come from."""
    text = (Path(credential_files.__file__).parent / "data" / "credential-files.txt").read_text()
    lines = [line for line in text.splitlines() if line]
    names = [line for line in lines if not line.startswith("#")]
    assert len(names) >= 100
    assert not any(set(name) & set("[]!?\\") for name in names)
    assert len(set(names)) == len(names)
