"""The project as texts: what rules read that look at several files at once, on disk or with a patch applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.style.rules.source import PACKAGE, ROOT, Source, parsed
from tests.style.rules.text import files

READ = (".py", ".json", ".md")
FOLDERS = ("src", "tests", "docs")


@dataclass(frozen=True)
class Tree:
    """Files by their path from the project's root."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls, root: Path) -> Tree:
        """The project's own files."""
        named = ((file.relative_to(root).as_posix(), file) for file in files(root) if file.suffix in READ)
        return cls({path: file.read_text("utf-8") for path, file in named if path.split("/")[0] in FOLDERS})

    @cached_property
    def package(self) -> tuple[Source, ...]:
        """Every Python file of the package."""
        return tuple(parsed(path, text) for path, text in self.texts.items() if self._is_ours(path))

    def under(self, *folders: str) -> list[Source]:
        """Those of the package's files that are below one of these folders of it."""
        beginnings = tuple(f"src/{PACKAGE}/{folder}/" for folder in folders)
        return [source for source in self.package if source.path.startswith(beginnings)]

    def tests(self, *rooms: str) -> Mapping[str, str]:
        """The tests of these rooms, of all without any; not those of style, which ask nothing of the service."""
        return {
            path: text
            for path, text in self.texts.items()
            if path.startswith("tests/") and path.endswith(".py") and _room(path) != "style"
            if not rooms or _room(path) in rooms
        }

    @staticmethod
    def _is_ours(path: str) -> bool:
        return path.startswith(f"src/{PACKAGE}/") and path.endswith(".py")


def _room(path: str) -> str:
    return path.split("/")[1]


@cache
def project() -> Tree:
    """This project, as it is."""
    return Tree.read(ROOT)
