"""Plant secrets on a machine, and look for them, in every usual encoding, in what programs left behind."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

_PIECE = 9  # characters; a text that contains fewer characters of a secret does not show it


def encodings_of(secret: str) -> dict[str, bytes]:
    """Return the texts that would show a secret, by the name of the encoding."""
    raw = secret.encode()
    found = {
        "as it is": raw,
        "reversed": raw[::-1],
        "capitals": raw.upper(),
        "hex": raw.hex().encode(),
        "hex in capitals": raw.hex().upper().encode(),
        "in a URL": quote(secret, safe="").encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "as Python": repr(secret)[1:-1].encode(),
        "its first half": raw[: max(_PIECE, len(raw) // 2)],
        "its second half": raw[min(len(raw) - _PIECE, len(raw) // 2) :],
    }
    for shift in range(3):  # the text may begin at each place of a group of three bytes
        whole = base64.b64encode(b"\0" * shift + raw)
        inner = whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]
        found[f"Base64 from byte {shift}"] = inner
        found[f"Base64 for URLs from byte {shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    return found


@dataclass
class Search:
    """Counts what was searched, and collects where a secret was: `found` are (where, secret, encoding)."""

    secrets: dict[str, str]
    texts: int = 0
    size: int = 0
    found: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def __post_init__(self) -> None:
        wanted = {
            text: (name, encoding)
            for name, secret in self.secrets.items()
            for encoding, text in encodings_of(secret).items()
        }
        # Where a text is, the texts in it are too, such as the halves of a secret.
        self._wanted = [
            (*shown, text)
            for text, shown in wanted.items()
            if not any(other in text for other in wanted if other != text)
        ]

    def text(self, where: str, content: bytes) -> None:
        """Look into a content, and into what is packed in it."""
        for place, part in _unpacked(where, content):
            self.texts += 1
            self.size += len(part)
            self.found += [
                (place, name, encoding) for name, encoding, text in self._wanted if text in part
            ]

    def folder(self, folder: Path, planted: set[Path]) -> None:
        """Look into the names and contents of all files below a folder, except those with planted secrets."""
        for file in sorted(folder.rglob("*")):
            self.text(f"the name of {file}", str(file).encode())
            if file.is_file() and file not in planted:
                self.text(str(file), file.read_bytes())


def _unpacked(where: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a content, and what it contains if it is compressed or an archive."""
    yield where, content
    start = content.find(b"\x1f\x8b\x08")
    if start in range(64):
        # A cached piece has more behind the compressed data.
        plain = b""
        rest = content[start:]
        while rest.startswith(b"\x1f\x8b"):
            engine = zlib.decompressobj(31)
            try:
                plain += engine.decompress(rest)
            except zlib.error:
                break
            rest = engine.unused_data
        yield f"{where} (unpacked)", plain
        if tarfile.is_tarfile(io.BytesIO(plain)):
            with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
                for member in archive:
                    stream = archive.extractfile(member)
                    if stream is not None and member.name.endswith((".gz", ".zip", ".whl")):
                        yield from _unpacked(f"{where}: {member.name}", stream.read())
    if content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield f"{where}: {name}", packed.read(name)
