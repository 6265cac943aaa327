"""Where the packaged code lies, and what stands in for it where templates are made without being deployed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aws_cdk import aws_lambda as lambda_

from infra.packages_folder import BUILT, COMPLETE, FOLDER

PLACEHOLDER: Final = FOLDER / "placeholder"
RUNTIME: Final = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE: Final = lambda_.Architecture.ARM_64


class NotPackaged(Exception):
    """There is nothing to deploy yet; the message says what to run."""


@dataclass(frozen=True, kw_only=True)
class Packages:
    """The folders that become assets: the service's code, what every function imports, what only some do."""

    code: Path
    core: Path
    outbound: Path

    @classmethod
    def built(cls) -> Self:
        """What `make package` left. Raises NotPackaged when it did not, or did not get to its end."""
        if not COMPLETE.is_file():
            raise NotPackaged(f"there is no {COMPLETE}: run `make package` first")
        return cls(code=BUILT / "code", core=BUILT / "core", outbound=BUILT / "outbound")

    @classmethod
    def placeholder(cls) -> Self:
        """One file for all of them: enough for templates, and refused by `make deploy`, which asks for `built`."""
        return cls(code=PLACEHOLDER, core=PLACEHOLDER, outbound=PLACEHOLDER)
