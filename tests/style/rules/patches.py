"""Ready patches: unified diffs whose hunks are found by their lines, so that they still fit when others move."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.style.rules.tree import Tree

NOTHING = "/dev/null"
_FILE = re.compile(r"^--- (\S+)\n\+\+\+ b/(\S+)\n", re.MULTILINE)
_HUNK = re.compile(r"^@@.*\n", re.MULTILINE)


class DoesNotFit(AssertionError):
    """A hunk's lines are not in the file, or there twice."""


@dataclass(frozen=True)
class Patch:
    """One step of a checklist: what it says, and what it changes."""

    name: str
    words: str
    text: str

    @classmethod
    def read(cls, file: Path) -> Patch:
        """The words stand before the first file."""
        words, _, _ = (text := file.read_text("utf-8")).partition("\n---")
        return cls(f"{file.parent.name}/{file.stem}", words.strip(), text)

    def applied(self, tree: Tree) -> Tree:
        """The tree after it. Raises DoesNotFit, naming the file and the lines to look for."""
        texts = dict(tree.texts)
        for before, path, hunks in self._files():
            text = "" if before == NOTHING else texts.get(path)
            if text is None:
                raise DoesNotFit(f"{self.name}: there is no {path}")
            for old, new in hunks:
                if text.count(old) != 1 and before != NOTHING:
                    raise DoesNotFit(f"{self.name}: bring it up to date: {path} holds {text.count(old)} times\n{old}")
                text = new if before == NOTHING else text.replace(old, new)
            texts[path] = text
        return Tree(texts)

    def _files(self) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
        """What was, what is to be, and the old and new lines of each hunk."""
        _, *parts = _FILE.split(self.text)
        for before, path, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            yield before, path, [_sides(hunk) for hunk in _HUNK.split(body)[1:]]


def _sides(hunk: str) -> tuple[str, str]:
    lines = hunk.splitlines(keepends=True)
    return "".join(_without(lines, "+")), "".join(_without(lines, "-"))


def _without(lines: Iterable[str], mark: str) -> Iterator[str]:
    for line in lines:
        if line[0] != mark:
            yield line[1:] if line.strip() else "\n"
