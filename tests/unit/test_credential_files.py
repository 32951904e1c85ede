"""Files that hold credentials are recognised by their names and contents; templates and other files are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_core import credential_files
from flashc_core.credential_files import why_credentials


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
        ("key.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
    ],
)
def test_files_with_credentials(path: str, content: str) -> None:
    assert why_credentials(path, len(content), content.encode) is not None


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".env.example", "TOKEN="),
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


def test_the_list_has_its_sources() -> None:
    """Each block of names begins with a comment that names where they come from."""
    text = (Path(credential_files.__file__).parent / "data" / "credential-files.txt").read_text()
    lines = [line for line in text.splitlines() if line]
    names = [line for line in lines if not line.startswith("#")]
    assert len(names) >= 100
    assert not any(set(name) & set("[]!?\\") for name in names)
    assert len(set(names)) == len(names)
