"""A copy of the project on disk, with files of another tree in it: where its code, tests and docs really run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.style.rules.source import ROOT
from tests.style.rules.tree import Tree, project

FOLDERS = ("src", "tests", "infra", "docs", "requirements", "scripts", "examples")
FILES = ("pyproject.toml", "Makefile", "README.md", "CONTRIBUTING.md")
RUN_S_MAX = 110.0


class Copy:
    """The project in another folder."""

    def __init__(self, folder: Path, tree: Tree) -> None:
        self.folder = folder
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cdk.out"))
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        self.take(tree)

    def take(self, tree: Tree) -> None:
        """Makes its files those of the tree."""
        for path, text in tree.texts.items():
            if project().texts.get(path) != text or (self.folder / path).read_text("utf-8") != text:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_text(text, "utf-8")
        for file in (self.folder / path for path in self.tree().texts.keys() - tree.texts.keys()):
            file.unlink()

    def tree(self) -> Tree:
        """Its files as they are now."""
        return Tree.read(self.folder)

    def python(self, *arguments: str) -> tuple[int, str]:
        """Exit code and words of a Python that finds the copy's package, and not ours."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VENDORPAY_")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(self.folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr
