"""Words and names that no file of the project may hold; written with a ~ in them, so that this file does not."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def joined(text: str) -> str:
    """A forbidden word as it is meant: without the ~ that keeps it out of this file."""
    return text.replace("~", "")


# Our own words only: what is copied from others (minified scripts, the licence) is left as it is.
_COPIED = re.compile(r"\.min\.(?:js|css)$|(?:^|/)(?:vendored|LICENSES?)(?:/|$|\.)")
# The third mark is also a currency code (ISO 4217: none), so it counts only where it is used as a mark.
_LEFT_BEHIND = re.compile(joined(r"\b(?:TO~DO|FIX~ME|NotImplemented~Error)\b|(?:#|//|--|/\*)\s*XX~X\b|\bXX~X:"))

_BEFORE_A_ROOT = r"(?<![\w.%}/-])(?<!\x7e)"  # \x7e: a path below ~ is anyone's
_PLACES = (
    r"py~pi\.org|python~hosted\.org|regis~try\.npmjs\.org|regis~try\.yarnpkg\.com",
    r"https?://regis~try\.",
    r"https?://[^\s\"'<>]+/sim~ple\b",
    r"-{0,2}(?:extra-)?index~-url[ =]+[\"']?(?:https?|file):",
    _BEFORE_A_ROOT + r"/(?:ro~ot|wo~rk)/\w",
    _BEFORE_A_ROOT + r"/(?:ho~me|Us~ers)/[a-z_][\w.-]*",
)
_PLACE = re.compile(joined("|".join(f"(?:{place})" for place in _PLACES)))

_VAGUE = frozenset({"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"})
_SKIPPED_FOLDERS = frozenset({".git", ".venv", ".tools", ".vendorpay", "node_modules", "__pycache__", "build", "dist"})


def files(root: Path) -> list[Path]:
    """The project's files: what git tracks or would, else (a tarball has no git) everything outside built folders."""
    asked = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(asked, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        answer = ""
    if answer:
        return sorted(f for name in answer.split("\0") if name and (f := root / name).is_file())
    found = (f for f in root.rglob("*") if not _SKIPPED_FOLDERS & set(f.relative_to(root).parts))
    return sorted(f for f in found if f.is_file())


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text file; nothing for a binary one."""
    data = file.read_bytes()
    if b"\0" not in data:
        yield from enumerate(data.decode("utf-8", "replace").splitlines(), start=1)


def left_behind(path: str, number: int, line: str) -> list[str]:
    """Work put off in a comment."""
    found = None if _COPIED.search(path) else _LEFT_BEHIND.search(line)
    return [f"{path}:{number}: {found[0]}: do it now, or open an issue and delete the mark"] if found else []


def places(path: str, number: int, line: str) -> list[str]:
    """Package hosts and absolute paths of someone's machine."""
    found = _PLACE.search(line)
    advice = "works on one machine only; name the package or a path relative to the project"
    return [f"{path}:{number}: {found[0]!r} {advice}"] if found else []


def vague_name(path: str) -> list[str]:
    """A file or folder named after nothing in particular."""
    for part in PurePosixPath(path).parts:
        words = set(re.split(r"[^a-z]+", part.lower()))
        if vague := words & _VAGUE:
            return [f"{path}: {vague.pop()!r} says nothing: name it after the noun or verb it holds"]
    return []
