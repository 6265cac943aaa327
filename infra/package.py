"""Packages the functions for Lambda's arm64, without docker: the code, and the libraries as layers.

`sh scripts/package_functions.sh` (make package) runs the steps in their order:

    python -m infra.package pins LAYER        the pins of a layer's libraries, with their hashes, for uv
    python -m infra.package finish            code, certificate authorities, bytecode, sizes; marks all as complete
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from infra.packages_folder import BUILT, COMPLETE, FOLDER
from infra.packed_code import copy_code, copy_hot_code
from infra.packed_libraries import NotUnderstood, shorten

ROOT: Final = FOLDER.parent
LAYERS: Final = {
    "core": ("msgspec", "psycopg", "psycopg-binary", "psycopg-pool"),
    "outbound": ("anyio", "certifi", "h11", "httpcore", "idna"),
}
"""What every function imports, and what only those do that send webhooks. boto3 comes with Lambda's Python, and before
3.13 alone psycopg and msgspec want typing-extensions."""
HOT_BYTES_MAX: Final = 15_000_000
"""Of hot functions' code and the core layer, unpacked: it has to be fetched at a cold start. 8.9 million are
libraries of psycopg's wheel for arm64 (OpenSSL, libpq, Kerberos, LDAP), which all hang together (docs/aws.md)."""
LAMBDAS_PYTHON: Final = (3, 13)
LEGAL: Final = ("LICEN", "COPYING", "NOTICE", "AUTHORS")
"""How the names of licences begin where a wheel has no folder for them."""
BUNDLE: Final = "vendorpay/rds-global-bundle.pem"
"""In a layer, which Lambda unpacks in /opt: where AwsSettings.ca_bundle looks."""
BUNDLE_FROM: Final = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
AMAZON_ROOTS: Final = ("Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4")
"""RDS Proxy's own certificates are of these, not of RDS's authorities."""


class Refused(Exception):
    """The functions cannot be packaged so; the message says what to do."""


def main() -> int:
    """The exit code; a refusal goes to stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("pins", "finish"))
    parser.add_argument("layer", nargs="?", choices=tuple(LAYERS))
    wanted = parser.parse_args()
    try:
        if wanted.step == "pins":
            print("\n".join(pins(LAYERS[wanted.layer or "core"])))
        else:
            finish()
    except Refused as error:
        print(f"vendorpay package: {error}", file=sys.stderr)
        return 1
    return 0


def pins(names: tuple[str, ...]) -> Iterator[str]:
    """The lines of requirements/core.txt that pin these, with their hashes: the versions that are tested.

    Raises Refused for a name that is not pinned there.
    """
    text = (ROOT / "requirements" / "core.txt").read_text("utf-8")
    blocks = {found[1]: found[0] for found in re.finditer(r"^([a-z0-9-]+)==(?:.*\\\n)+.*$", text, re.MULTILINE)}
    for name in names:
        if name not in blocks:
            raise Refused(f"{name} is not pinned in requirements/core.txt")
        yield blocks[name]


def finish() -> None:
    """Everything after the libraries. Raises Refused for what must not be deployed."""
    copy_code(BUILT / "code")
    copy_hot_code(BUILT / "hot")
    bundle = os.environ.get("RDS_CA_BUNDLE", "")
    write_bundle(Path(bundle) if bundle else None, BUILT / "core" / BUNDLE)
    for layer in LAYERS:
        tidy(BUILT / layer)
        (BUILT / f"{layer}.txt").unlink()
    compile_all([BUILT / name for name in ("code", "hot", *LAYERS)])
    size = bytes_in(BUILT / "hot", BUILT / "core")
    if size > HOT_BYTES_MAX:
        raise Refused(f"a hot function has {size:,} bytes unpacked, more than {HOT_BYTES_MAX:,}: see what grew")
    COMPLETE.write_text(f"{size}\n", "utf-8")
    print(f"packaged into {BUILT}: a hot function has {size:,} bytes unpacked")


def write_bundle(source: Path | None, target: Path) -> None:
    """The authorities that Aurora's and the proxy's certificates are of, in one file.

    Raises Refused when there is none: without it no function can tell Aurora from somebody else (origin 20).
    """
    if source is None or not source.is_file():
        raise Refused(f"set RDS_CA_BUNDLE to Amazon's authorities for RDS: curl -o rds.pem {BUNDLE_FROM}")
    text = source.read_text("ascii") + "\n" + "\n".join(amazon_roots())
    found = ssl.create_default_context(cadata=text).cert_store_stats()["x509_ca"]
    if found <= len(AMAZON_ROOTS):
        raise Refused(f"{source} holds no certificate authority")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "ascii")


def amazon_roots() -> list[str]:
    """Amazon's own roots, from certifi. Raises Refused when one is not there."""
    import certifi

    text = Path(certifi.where()).read_text("utf-8")
    found = {
        label: f"# {label}\n{certificate}"
        for label, certificate in re.findall(
            r'^# Label: "([^"]+)"\n(?:#.*\n)*(-----BEGIN[^#]*?-----END CERTIFICATE-----\n)', text, re.MULTILINE
        )
    }
    if missing := [label for label in AMAZON_ROOTS if label not in found]:
        raise Refused(f"certifi knows no {', '.join(missing)}")
    return [found[label] for label in AMAZON_ROOTS]


def tidy(folder: Path) -> None:
    """Takes away what no function reads: what installers leave and tests have, and what makes libraries long.

    Licences stay, and what tells a package its own version. Raises Refused for a library that cannot be shortened.
    """
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in {"__pycache__", "tests", "bin"}:
            shutil.rmtree(path)
        elif path.is_file() and (path.suffix in {".pyi", ".pyx", ".c"} or _about_the_installation(path)):
            path.unlink()
        elif path.is_file() and ".so" in path.suffixes:
            try:
                shorten(path)
            except NotUnderstood as error:
                raise Refused(f"{path.name} cannot be shortened: {error}") from error


def _about_the_installation(path: Path) -> bool:
    inside = [folder.name for folder in path.parents]
    kept = path.name == "METADATA" or "licenses" in inside or path.name.upper().startswith(LEGAL)
    return not kept and any(name.endswith(".dist-info") for name in inside)


def compile_all(folders: Sequence[Path], python: str | None = None) -> None:
    """Bytecode instead of sources: Lambda's folders are read-only, so each start would compile everything anew.

    Raises Refused without a Python of Lambda's version. A traceback still has files and lines, for whoever has the
    sources of that version; columns it has not, which Python shows below a source line only.
    """
    python = python or lambdas_python()
    if python is None:
        wanted = ".".join(map(str, LAMBDAS_PYTHON))
        raise Refused(f"Python {wanted} is needed to compile for it: install it, or name it in LAMBDAS_PYTHON")
    arguments = ["-X", "no_debug_ranges", "-m", "compileall", "-q", "-b", "--invalidation-mode", "unchecked-hash"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for folder in folders:
        # -s: no path of this machine in a traceback.
        subprocess.run([python, *arguments, "-s", str(folder), str(folder)], check=True, env=environment)
        for source in folder.rglob("*.py"):
            source.unlink()


def lambdas_python() -> str | None:
    """An interpreter of Lambda's version, or None."""
    probe = f"import sys; sys.exit(sys.version_info[:2] != {LAMBDAS_PYTHON})"
    for candidate in (os.environ.get("LAMBDAS_PYTHON"), "python3.13", "python3", sys.executable):
        found = shutil.which(candidate) if candidate else None
        if found and subprocess.run([found, "-c", probe], capture_output=True, check=False).returncode == 0:
            return found
    return None


def bytes_in(*folders: Path) -> int:
    """What the files of folders have together."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    raise SystemExit(main())
