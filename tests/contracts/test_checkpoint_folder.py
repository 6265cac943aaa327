"""A folder keeps checkpoints as every destination must."""

from pathlib import Path

import pytest

from tests.contracts.checkpoint_destination import CheckpointDestinationContract
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.ports import CheckpointDestination

pytestmark = pytest.mark.anyio


class TestCheckpointFolder(CheckpointDestinationContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> CheckpointDestination:
        self.folder = tmp_path
        return CheckpointFolder(tmp_path)

    def spoil(self, place: CheckpointDestination, number: int) -> None:
        (self.folder / f"checkpoint-{number}.json").write_bytes(b"{}")
