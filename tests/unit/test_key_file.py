"""The key file belongs to several tools: flashc changes one key in it, and nothing else."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from flashc_backends.cloud.keys import Key, KeyFileError, find_key, remove_key, save_key

FILES = {
    "empty": "",
    "of flash": '[default]\napi_key = "old"\n',
    "of runpodctl": 'apikey = "old"\napiurl = "https://api.runpod.io/graphql"\n',
    "of all": '# mine\napikey = "a"\n\n[default]\napi_key = "b" # work\nregion = "EU"\n\n[rp]\nx = 1\n',
    "other tables only": "[profile.work]\nx = [1,\n  2]\n",
    "without a newline at its end": "[a]\nb = 1",
    "an inline table": 'default = {api_key = "a", x = 1}\n',
    "dotted keys": 'default.api_key = "a"\ndefault.x = 2\n',
    "a table of tables": "[default.sub]\nx = 1\n",
    "tables out of order": "[default]\nx = 1\n[b]\nz = 1\n[default.sub]\ny = 1\n",
    "quoted names": '["default"]\n"api_key" = "q"\n',
    "a number as the key": "[default]\napi_key = 7\nx = 1\n",
    "text of several lines": '[z]\ntext = """\n[default]\napi_key = "no"\n"""\n',
}


def _others(text: str) -> dict[str, object]:
    """Return everything in a file except the keys of the account."""
    content = tomllib.loads(text)
    content.pop("apikey", None)
    table = content.pop("default", {})
    return {**content, **{f"default.{k}": v for k, v in table.items() if k != "api_key"}}


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("name", FILES)
def test_saving_and_removing_a_key_changes_nothing_else(
    name: str, end: str, tmp_path: Path
) -> None:
    before = FILES[name].replace("\n", end)
    file = tmp_path / "config.toml"
    file.write_bytes(before.encode())
    save_key(file, "rpa_new")
    saved = file.read_bytes().decode()
    assert find_key({}, file) == Key("rpa_new", str(file))
    assert _others(saved) == _others(before)
    assert tomllib.loads(saved).get("apikey") == tomllib.loads(before).get("apikey")
    comments = [line for line in before.splitlines() if line.startswith("#")]
    assert all(comment in saved for comment in comments)
    if "\r\n" in before:
        assert saved.count("\n") == saved.count("\r\n")

    assert remove_key(file)
    removed = file.read_bytes().decode()
    assert find_key({}, file) is None
    assert _others(removed) == _others(before)
    assert not remove_key(file)
    assert file.read_bytes().decode() == removed


def test_only_the_value_of_the_key_changes_in_a_file_that_has_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(FILES["of all"])
    save_key(file, "rpa_new")
    assert file.read_text() == FILES["of all"].replace('"b"', '"rpa_new"')


def test_the_file_and_its_folder_are_for_the_user_only(tmp_path: Path) -> None:
    file = tmp_path / ".runpod" / "config.toml"
    save_key(file, "rpa_new")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.chmod(0o644)
    save_key(file, "rpa_other")
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(file.parent) == ["config.toml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_text("[z]\nx = 1\n")
    link.symlink_to(real)
    save_key(link, "rpa_new")
    assert link.is_symlink()
    assert find_key({}, real) == Key("rpa_new", str(real))


@pytest.mark.parametrize(
    "content",
    [
        b'[default]\napi_key = "rpa_secret',
        b"\xff\xfe",
        b"[default]\n[default]\n",
        b'"rpa_secret"\n',
        b"[a.b]\nc = []\nc = [1]\n",
        b"[a]\nb.c = 1\n[a.b]\nc = 2\n",
        b"a = 1\n[a.b]\n",
        b"a = 1\n[[a]]\n",
        b"a." * 20_000 + b"a = 1\n",
    ],
)
def test_a_file_that_is_not_toml_is_left_alone_and_not_shown(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    for use in (
        lambda: find_key({}, file),
        lambda: save_key(file, "rpa_new"),
        lambda: remove_key(file),
    ):
        with pytest.raises(KeyFileError) as caught:
            use()
        assert str(file) in str(caught.value)
        assert "secret" not in str(caught.value)
    assert file.read_bytes() == content


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "config.toml"
    folder.mkdir()
    with pytest.raises(KeyFileError, match="can't be read"):
        find_key({}, folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match="can't be"):
        save_key(tmp_path / "file" / "config.toml", "rpa_new")


def test_the_variable_comes_before_the_file_and_a_table_without_a_key_hides_the_other_spelling(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('apikey = "rpa_ctl"\n')
    assert find_key({}, file) == Key("rpa_ctl", str(file))
    assert find_key({"RUNPOD_API_KEY": " "}, file) == Key("rpa_ctl", str(file))
    found = find_key({"RUNPOD_API_KEY": " rpa_env\n"}, file)
    assert found == Key("rpa_env", "the variable RUNPOD_API_KEY")
    file.write_text('apikey = "rpa_ctl"\n[default]\nx = 1\n')
    assert find_key({}, file) is None
    assert find_key({}, tmp_path / "none.toml") is None


def test_a_key_does_not_show_its_value() -> None:
    assert "rpa_secret" not in repr(Key("rpa_secret", "here"))
