"""`flashc size` explains an artifact's size, and a budget limits it."""

from __future__ import annotations

import re
import tarfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flashc.cli.main import cli
from flashc.project.options import parse_size
from flashc_backends.dependencies.sizes import DistributionSize, treemap
from tests.support.package_index import package_index
from tests.support.projects import write

WORKERS = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="a", dependencies=["python-dateutil==2.9.0.post0"])\n'
    "async def a():\n    import dateutil\n"
    '@Endpoint(name="b", dependencies=["text-unidecode", "torch"])\n'
    "async def b():\n    import text_unidecode, torch\n"
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(tmp_path / "app", {"worker.py": WORKERS})


def flashc(command: str, app: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [command, str(app), "--python-version", "3.12", *arguments])


def test_each_package_has_its_sizes_and_those_who_need_it(app: Path) -> None:
    shown = flashc("size", app).output
    assert re.search(
        r"^python-dateutil 2\.9\.0\.post0 +\d+\.\d kB +\d+\.\d kB  a only$", shown, re.M
    )
    assert re.search(r"^six \S+ +\d+\.\d kB +\d+\.\d kB  a only$", shown, re.M)
    assert "endpoint a: 2 packages" in shown
    assert "endpoint b: 1 packages" in shown


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("six", "python-dateutil -> six\nrequired by a"),
        ("Text_Unidecode", "text-unidecode\nrequired by b"),
        ("torch", "never bundled"),
        ("numpy", "contain it"),
        ("flask", "no requirement needs it"),
    ],
)
def test_why(name: str, words: str, app: Path) -> None:
    assert words in flashc("size", app, "--why", name).output


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rectangles: list[dict[str, str]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "rect":
            self.rectangles.append(found)
        self.links += [found[key] for key in ("src", "href") if key in found]


def test_the_treemap_is_one_page_whose_areas_are_the_sizes(app: Path, tmp_path: Path) -> None:
    page = tmp_path / "sizes.html"
    assert flashc("size", app, "--html", str(page)).exit_code == 0
    parser = _Page()
    parser.feed(page.read_text("utf-8"))
    assert len(parser.rectangles) == 4
    assert not parser.links
    assert "because of python-dateutil -&gt; six" in page.read_text("utf-8")


def test_areas_are_in_proportion_and_names_can_not_break_out() -> None:
    parts = [
        DistributionSize(
            name="<b>x", version="1", installed=size, compressed=1, endpoints=(), chain=()
        )
        for size in (700, 200, 100)
    ]
    parser = _Page()
    text = treemap("<script>", parts, 0)
    parser.feed(text)
    areas = [float(r["width"]) * float(r["height"]) for r in parser.rectangles]
    assert [round(area / sum(areas), 2) for area in areas] == [0.7, 0.2, 0.1]
    assert "<script>" not in text
    assert "<b>x" not in text


def test_a_budget_stops_the_build_and_keeps_what_was_there(app: Path) -> None:
    assert flashc("build", app).exit_code == 0
    before = (app / ".flash" / "artifact.tar.gz").read_bytes()
    write(app, {"pyproject.toml": '[tool.flashc]\nsize-budget = "10 kB"\n'})
    refused = flashc("build", app)
    assert "FC414" in refused.output
    assert refused.exit_code == 1
    assert (app / ".flash" / "artifact.tar.gz").read_bytes() == before
    write(app, {"pyproject.toml": '[tool.flashc]\nsize-budget = "lots"\n'})
    assert "FC008" in flashc("build", app).output


@pytest.mark.parametrize(
    ("text", "size"), [("12", 12), ("1.5 GiB", 3 * 2**29), ("200MB", 200_000_000), ("3 kb", 3000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "12 parsecs", "-3 MB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_an_artifact_per_endpoint_has_what_the_endpoint_needs(app: Path) -> None:
    assert flashc("build", app, "--per-endpoint").exit_code == 0
    folder = app / ".flash" / "endpoints"
    names: dict[str, set[str]] = {}
    for file in sorted(folder.iterdir()):
        with tarfile.open(file) as archive:
            names[file.name] = {name.removeprefix("./") for name in archive.getnames()}
        assert CliRunner().invoke(cli, ["verify", str(file)]).exit_code == 0
    a, b = names["a.tar.gz"], names["b.tar.gz"]
    assert {"worker.py", "handler_a.py", "six.py"} <= a
    assert not {"handler_b.py", "text_unidecode/__init__.py"} & a
    assert {"worker.py", "handler_b.py", "text_unidecode/__init__.py"} <= b
    assert not {"handler_a.py", "six.py"} & b


def test_a_build_says_what_it_leaves_to_the_images(app: Path) -> None:
    assert (
        "not bundled, because the images have them: torch 2.9.1+cu128\n"
        in flashc("build", app).output
    )


@pytest.mark.parametrize(("giant", "refused"), [(2 * 1024**3, True), (1000, False)])
def test_what_can_not_fit_is_refused_before_it_is_downloaded(
    giant: int, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = (
        "from runpod_flash import Endpoint\n\n"
        '@Endpoint(name="a", dependencies=["giant", "dwarf"])\n'
        "async def a():\n    import giant, dwarf\n"
    )
    app = write(tmp_path / "app", {"worker.py": worker})
    monkeypatch.setenv("FLASHC_CACHE_DIR", str(tmp_path / "cache"))
    with package_index({"giant": giant, "dwarf": 100}) as (address, wanted):
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        result = CliRunner().invoke(cli, ["build", str(app), "--python-version", "3.12"])
    assert result.exit_code == (1 if refused else 3)
    assert ("FC403" in result.output) == refused
    assert ("giant: 2,048 MiB" in result.output) == refused
    assert bool(wanted) != refused  # a small one is asked for, which this index does not have
    assert "127.0.0.1" not in result.output
