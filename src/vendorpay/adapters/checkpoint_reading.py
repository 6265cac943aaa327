"""Checkpoints read back: from one file of lines, or from a folder of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from vendorpay.adapters.checkpoint_folder import NAME, numbered
from vendorpay.domain.checkpoint import DOCUMENT_BYTES_MAX, Document, NotACheckpoint, document_of


def documents_in(place: Path) -> Iterator[Document]:
    """The documents that are there now, in the order of their numbers (of a folder) or lines, one in memory at a time.

    Looked for at once: what comes later is unknown to a verifier that goes by an earlier moment of the database.
    Raises OSError, and NotACheckpoint that names the file, also when there is none.
    """
    texts = _in_folder(place, numbered(place)) if place.is_dir() else _in_file(place, place.stat().st_size)
    return _documents(place, texts)


def _documents(place: Path, texts: Iterator[tuple[str, bytes]]) -> Iterator[Document]:
    many = 0
    for name, text in texts:
        try:
            document = document_of(text)
        except NotACheckpoint as error:
            raise NotACheckpoint(f"{name} is no checkpoint: {error}") from error
        if place.is_dir() and name != str(place / NAME.format(document.checkpoint.number)):
            raise NotACheckpoint(f"{name} holds checkpoint {document.checkpoint.number}")
        many += 1
        yield document
    if not many:
        raise NotACheckpoint(f"there is no checkpoint in {place}")


def _in_folder(folder: Path, files: Mapping[int, Path]) -> Iterator[tuple[str, bytes]]:
    for number in sorted(files):
        with files[number].open("rb") as opened:
            yield str(files[number]), opened.read(DOCUMENT_BYTES_MAX)


def _in_file(file: Path, size: int) -> Iterator[tuple[str, bytes]]:
    number = 0
    with file.open("rb") as opened:
        while opened.tell() < size and (line := opened.readline(DOCUMENT_BYTES_MAX)):
            number += 1
            yield f"line {number} of {file}", line
