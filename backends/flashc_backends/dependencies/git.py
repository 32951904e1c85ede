"""Get commits of git repositories with the program `git`."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flashc_core.temporary import temporary_folder
from flashc_ir.requirements import GitSource

from .trees import InvalidTree


class GitFailed(OSError):
    """Git can't do what it was asked; the message says why, without addresses."""


_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{7,39}")
_TIMEOUT = 600  # seconds


def commit_of(source: GitSource) -> str:
    """Return the commit that the revision of a source means now.

    A shortened commit stays as it is, because a repository lists only branches and tags.

    Raises:
        InvalidTree: the repository has no such revision.
        OSError: git is not installed, or the repository can't be reached.
    """
    if _COMMIT.fullmatch(source.revision):
        return source.revision
    revision = source.revision or "HEAD"
    listed = _git("ls-remote", "--", source.url, revision, f"{revision}^{{}}")
    rows = (line.partition("\t") for line in listed.splitlines())
    found = {name: commit for commit, _, name in rows}
    for name in (f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", f"refs/heads/{revision}"):
        if name in found:
            return found[name]
    if revision in found:  # HEAD, or a full name of a reference
        return found[revision]
    if _SHORT.fullmatch(revision):
        return revision
    raise InvalidTree(f"the repository has no tag or branch `{revision}`")


def fetch_commit(source: GitSource, target: Path) -> None:
    """Check out the commit of a source in the folder `target`, with its submodules.

    Raises:
        OSError: git is not installed, or the repository can't be reached or has no such commit.
    """
    target.mkdir(parents=True, exist_ok=True)
    _git("init", "--quiet", str(target))
    try:
        _git(
            "-C", str(target), "fetch", "--quiet", "--depth", "1", "--", source.url, source.revision
        )
        commit = "FETCH_HEAD"
    except GitFailed:  # some servers give single commits only if a branch or tag names them
        everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        _git("-C", str(target), "fetch", "--quiet", "--", source.url, *everything)
        commit = source.revision
    _git("-C", str(target), "checkout", "--quiet", "--detach", commit)
    if (target / ".gitmodules").is_file():
        _git("-C", str(target), "submodule", "update", "--quiet", "--init", "--recursive")


def commit_in(folder: Path, revision: str) -> str | None:
    """Return the commit that a revision means in the repository of a folder; None if it has no such revision.

    Raises:
        OSError: git is not installed, or the folder is in no repository.
    """
    _git("-C", str(folder), "rev-parse", "--show-toplevel")
    if "\0" in revision:  # no program can get such an argument
        return None
    wanted = f"{revision}^{{commit}}"
    try:
        found = _git(
            "-C", str(folder), "rev-parse", "--verify", "--quiet", "--end-of-options", wanted
        )
    except GitFailed:
        return None
    return found.strip()


def check_out(folder: Path, commit: str, target: Path) -> None:
    """Write what a folder has in a commit of its repository to the folder `target`, without submodules.

    The repository does not change.

    Raises:
        OSError: git failed, or the commit does not have the folder.
    """
    prefix = _git("-C", str(folder), "rev-parse", "--show-prefix").strip()
    top = _git("-C", str(folder), "rev-parse", "--show-toplevel").strip()
    target.mkdir(parents=True)
    with temporary_folder("index") as temporary:
        index = {"GIT_INDEX_FILE": str(temporary / "index")}
        _git("-C", top, "read-tree", f"{commit}:{prefix}", environ=index)
        _git("-C", top, "checkout-index", "--all", f"--prefix={target}/", environ=index)


def _git(*arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Run git without prompts and return its output; `environ` are further variables.

    Raises:
        GitFailed: git failed.
        OSError: git is not installed.
    """
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environ or {})}
    environment.setdefault("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")  # others run programs
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise GitFailed("git took too long") from error
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if line.strip()), "git failed")
        raise GitFailed(re.sub(r"\w+://[^\s'\"]+", "<address>", reason))
    return done.stdout
