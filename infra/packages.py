"""Where the packaged code lies, and what stands in for it where templates are made without being deployed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aws_cdk import aws_lambda as lambda_

from infra.packages_folder import BUILT, FOLDER, require_built

PLACEHOLDER: Final = FOLDER / "placeholder"
RUNTIME: Final = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE: Final = lambda_.Architecture.ARM_64


@dataclass(frozen=True, kw_only=True)
class Packages:
    """The folders that become assets: the service's code, the part of it that hot functions come to, the libraries that
    every function imports, and those that only some do."""

    code: Path
    hot: Path
    core: Path
    outbound: Path

    @classmethod
    def built(cls) -> Self:
        """What `make package` left. Raises NotPackaged."""
        require_built()
        return cls(code=BUILT / "code", hot=BUILT / "hot", core=BUILT / "core", outbound=BUILT / "outbound")

    @classmethod
    def placeholder(cls) -> Self:
        """One file for all of them: enough for templates, and refused by `make deploy`, which asks for `built`."""
        return cls(code=PLACEHOLDER, hot=PLACEHOLDER, core=PLACEHOLDER, outbound=PLACEHOLDER)
