"""Checkpoints read back: from one file of lines, or from a folder of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vendorpay.adapters.checkpoint_folder import numbered
from vendorpay.domain.checkpoint import DOCUMENT_BYTES_MAX, Document, NotACheckpoint, document_of


def documents_in(place: Path) -> Iterator[Document]:
    """The documents in the order of their numbers (of a folder) or lines, one in memory at a time.

    Raises OSError, and NotACheckpoint that names the file, also when there is none.
    """
    many = 0
    for many, (name, text) in enumerate(_texts(place), start=1):  # noqa: B007  counted for after the loop
        try:
            document = document_of(text)
        except NotACheckpoint as error:
            raise NotACheckpoint(f"{name} is no checkpoint: {error}") from error
        if place.is_dir() and name != str(place / f"checkpoint-{document.checkpoint.number}.json"):
            raise NotACheckpoint(f"{name} holds checkpoint {document.checkpoint.number}")
        yield document
    if not many:
        raise NotACheckpoint(f"There is no checkpoint in {place}")


def _texts(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        files = numbered(place)
        for number in sorted(files):
            with files[number].open("rb") as opened:
                yield str(files[number]), opened.read(DOCUMENT_BYTES_MAX)
        return
    with place.open("rb") as opened:
        for number, line in enumerate(iter(lambda: opened.readline(DOCUMENT_BYTES_MAX), b""), start=1):
            yield f"line {number} of {place}", line
