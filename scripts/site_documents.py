"""Choose the pages of the documentation site, and their order; MkDocs calls the functions `on_...`.

Every document keeps its path in the repository, so a link between two documents is the same on GitHub and in the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
CHAPTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("README.md", "spec/tutorial.md")),
    ("Specification", ("spec/README.md", "spec/[0-9]*.md")),
    (
        "Reference",
        (
            *("spec/parameters.md", "spec/features.md", "spec/testing.md", "spec/clients.md"),
            *("spec/deployment-requests.md", "spec/precision.md"),
        ),
    ),
    ("Rules", ("spec/rules.md", "flashc/report/rules/FC*.md")),
    ("Examples", ("examples/*/README.md",)),
    (
        "Development",
        (
            *("CONTRIBUTING.md", "CHANGELOG.md", "VERSIONING.md", "SECURITY.md"),
            *("spec/decisions/README.md", "spec/decisions/[0-9]*.md"),
        ),
    ),
)
"""The chapters of the navigation: patterns of the documents, in order."""
OTHER_FILES = ("spec/*.json", "spec/*.toml", "spec/*.graphql", "LICENSE")
"""Files that documents link to, and that are no pages."""
BLOCKS = {"artifact", "findings", "index", "ir", "lock", "manifest", "members", "platform"}
"""The blocks of chapters that are in no language; `spec/README.md` describes them."""
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_FENCE = re.compile(r"^(?P<fence> *```)(?P<info>[^\n`]+)$", re.MULTILINE)


def paths(*patterns: str) -> list[str]:
    """Return the paths of the files that match patterns, in the order of the patterns."""
    return [
        path.relative_to(ROOT).as_posix()
        for pattern in patterns
        for path in sorted(ROOT.glob(pattern))
    ]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation."""
    config.nav = [{title: paths(*patterns)} for title, patterns in CHAPTERS]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the files of the theme, and the documents of the repository in place of those of one folder."""
    names = paths(*(pattern for _, patterns in CHAPTERS for pattern in patterns), *OTHER_FILES)
    documents = [
        File(name, str(ROOT), config.site_dir, config.use_directory_urls) for name in names
    ]
    return Files([*(file for file in files if file.src_dir != config.docs_dir), *documents])


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the text of a page in the form in which Python-Markdown shows it as GitHub does.

    On GitHub, the first word after a fence is the language of the block, and further words are not shown; the site shows the
    words of chapters as titles.  In a table, GitHub wants a backslash before a bar also in code.
    """
    titled = _FENCE.sub(_with_title, markdown)
    return _ROW.sub(lambda row: _CODE.sub(_without_backslash, row[0]), titled)


def _with_title(match: re.Match[str]) -> str:
    word = match["info"].split()[0]
    title = f'text title="{match["info"]}"' if word in BLOCKS else word
    return f"{match['fence']}{title}"


def _without_backslash(code: re.Match[str]) -> str:
    return code[0].replace(r"\|", "|")
