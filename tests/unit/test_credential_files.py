"""Files that hold credentials are recognised by their names and contents; templates and other files are not."""

from __future__ import annotations

import pytest

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
    ],
)
def test_files_that_only_look_alike(path: str, content: str) -> None:
    assert why_credentials(path, len(content), content.encode) is None
