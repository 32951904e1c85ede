"""Write the unpacked artifact of each version of a development session.

Packages are unpacked once, and large files are copied once; each artifact has links to them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from flashc_backends.archive import write_archive
from flashc_backends.artifact.parts import Parts
from flashc_backends.base import Draft
from flashc_core.archives import unpack

from .contents import digest_of_draft


class Trees:
    """The unpacked artifacts of one development session, below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, parts: Parts) -> Path:
        """Write the artifact that consists of `parts` to a new folder and return it.

        The distributions are the same files in all trees, behind symbolic links.

        Raises:
            OSError: a file can't be read or written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        tree = Path(tempfile.mkdtemp(prefix="tree-", dir=self._folder))
        tree.chmod(0o755)
        if parts.layers:
            packages = self._unpack_packages(parts)
            for entry in packages.iterdir():
                tree.joinpath(entry.name).symlink_to(entry)
        for draft in parts.drafts:
            self._write(tree / draft.path, draft)
        return tree

    def _unpack_packages(self, parts: Parts) -> Path:
        """Unpack the distributions of the lock, if that was not done before; return their folder."""
        name = hashlib.sha256(parts.lock.requirements.encode()).hexdigest()[:16]
        folder = self._folder / "packages" / name
        if not folder.is_dir():
            archive = self._folder / f"{name}.tar.gz"
            write_archive(archive, (), [layer.piece for layer in parts.layers], 0)
            draft = self._folder / f"{name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            unpack(archive, draft)
            archive.unlink()
            folder.parent.mkdir(exist_ok=True)
            draft.rename(folder)
        return folder

    def _write(self, path: Path, draft: Draft) -> None:
        """Write a draft to a path; a large file becomes a link to its copy."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(draft.content, bytes):
            path.write_bytes(draft.content)
        else:
            os.link(self._copy(draft.content, draft), path)
        if draft.executable:
            path.chmod(0o755)

    def _copy(self, source: Path, draft: Draft) -> Path:
        """Copy a large file, if that was not done before; return the copy."""
        suffix = "x" if draft.executable else ""  # all links to a file have the same permissions
        copy = self._folder / "files" / f"{digest_of_draft(draft)}{suffix}"
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            temporary = copy.with_suffix(".part")
            shutil.copyfile(source, temporary)
            temporary.rename(copy)
        return copy
