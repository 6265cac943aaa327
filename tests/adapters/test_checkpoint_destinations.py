"""Where checkpoints go: what is there is never written over, and what was not kept is said."""

import asyncio
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bucket import KEEP, environ_of
from tests.contracts.checkpoint_destination import chain
from vendorpay.adapters.checkpoint_command import CheckpointCommand
from vendorpay.adapters.checkpoint_file import CheckpointFile
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.checkpoint_reading import documents_in
from vendorpay.domain.checkpoint import Document, Held, NotACheckpoint, NotShipped
from vendorpay.ports import CheckpointDestination

pytestmark = pytest.mark.anyio

ONE, TWO, THREE = chain(3)
Closing = Callable[[CheckpointDestination], CheckpointDestination]
Make = Callable[[Path], CheckpointDestination]
PLACES: dict[str, tuple[Make, str]] = {
    "folder": (CheckpointFolder, "made/for/it"),
    "file": (CheckpointFile, "made/for/it.jsonl"),
}


@pytest.fixture
def closing() -> Iterator[Closing]:
    """Closes what has to be, at the end."""
    opened: list[CheckpointDestination] = []

    def remember(place: CheckpointDestination) -> CheckpointDestination:
        opened.append(place)
        return place

    yield remember
    for place in opened:
        if isinstance(place, CheckpointFile):
            place.close()


@pytest.mark.parametrize("kind", PLACES)
async def test_what_was_put_is_held_and_read_back(kind: str, closing: Closing, tmp_path: Path) -> None:
    make, name = PLACES[kind]
    place = closing(make(tmp_path / name))
    assert (await place.held(), place.identity) == (Held(), None)
    await place.put(1, ONE.text())
    await place.put(2, TWO.text())
    assert await place.held() == Held(numbers=frozenset({1, 2}), newest_hash=TWO.hash)
    assert list(documents_in(tmp_path / name)) == [ONE, TWO]


async def test_a_file_in_a_folder_is_never_written_over(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    await folder.put(1, ONE.text())
    await folder.put(1, ONE.text())
    with pytest.raises(NotShipped, match="says something else"):
        await folder.put(1, TWO.text())
    assert (tmp_path / "checkpoint-1.json").read_bytes() == ONE.text()
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint-1.json"]


async def test_only_files_of_checkpoints_count(tmp_path: Path) -> None:
    for name in ("checkpoint-0.json", "checkpoint-01.json", "checkpoint-2.json.part", ".checkpoint-3.json.77", "notes"):
        (tmp_path / name).write_text("x")
    assert await CheckpointFolder(tmp_path).held() == Held()
    with pytest.raises(NotACheckpoint, match="there is no checkpoint in"):
        list(documents_in(tmp_path))


async def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotShipped, match="cannot be used"):
        await CheckpointFolder(tmp_path / "file" / "deeper").held()
    with pytest.raises(NotShipped, match="cannot be written"):
        await CheckpointFolder(tmp_path / "nowhere").put(1, ONE.text())
    (tmp_path / "checkpoint-4.json").write_bytes(b"{}")
    with pytest.raises(NotShipped, match="cannot be read"):
        await CheckpointFolder(tmp_path).held()


async def test_half_a_line_of_a_process_that_died_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_bytes(ONE.text() + TWO.text()[:50])
    file = CheckpointFile(path)
    assert (await file.held()).numbers == {1}
    await file.put(2, TWO.text())
    file.close()
    assert path.read_bytes() == ONE.text() + TWO.text()


async def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("a,b\n1,2\n")
    file = CheckpointFile(path)
    with pytest.raises(NotShipped, match="holds something else than checkpoints"):
        await file.held()
    file.close()
    assert path.read_text() == "a,b\n1,2\n"


async def test_a_file_is_written_by_one_at_a_time_and_an_empty_one_does_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    mine, theirs = CheckpointFile(path), CheckpointFile(path)
    await mine.held()
    with pytest.raises(NotShipped, match="Another process writes"):
        await theirs.held()
    mine.close()
    theirs.close()
    assert not path.exists()


async def test_a_command_gets_the_document_and_its_name(tmp_path: Path) -> None:
    command = CheckpointCommand('cat > "$PLACE/$CHECKPOINT_FILE"', {**os.environ, "PLACE": str(tmp_path)})
    await command.put(1, ONE.text())
    assert (tmp_path / "checkpoint-1.json").read_bytes() == ONE.text()
    other = CheckpointCommand("cat", {})
    assert (await command.held(), len(command.identity)) == (Held(), 32)
    assert command.identity != other.identity


async def test_the_script_of_the_page_keeps_a_document_once_and_for_all(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    command = CheckpointCommand(KEEP, environ_of(bucket))
    for _ in range(2):
        await command.put(1, ONE.text())
        assert (bucket / "checkpoint-1.json").read_bytes() == ONE.text()
    with pytest.raises(NotShipped, match="exit code 1 for checkpoint 1"):
        await command.put(1, TWO.text())
    assert (bucket / "checkpoint-1.json").read_bytes() == ONE.text()


async def test_the_script_of_the_page_counts_nothing_as_kept_that_it_cannot_see_there(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    command = CheckpointCommand(KEEP, environ_of(bucket))
    (tmp_path / "bucket.away").touch()
    with pytest.raises(NotShipped, match="exit code 255"):
        await command.put(1, ONE.text())
    (tmp_path / "bucket.away").unlink()
    (tmp_path / "bucket.mute").touch()  # it is kept, and the answer is lost
    await command.put(1, ONE.text())
    assert (bucket / "checkpoint-1.json").read_bytes() == ONE.text()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("exit 3", "exit code 3 for checkpoint 7"),
        ("kill -9 $$", "exit code -9"),
        ("no-such-program-here", "exit code 127"),
    ],
)
async def test_a_command_that_fails_has_kept_nothing(command: str, expected: str) -> None:
    with pytest.raises(NotShipped, match=expected):
        await CheckpointCommand(command, os.environ).put(7, ONE.text())


async def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'import time; time.sleep(60)' & echo $! > {tmp_path}/pid; wait"
    said = tmp_path / "pid"
    for seconds_max in (0.5, 20.0):  # a busy machine may need longer to start it at all
        with pytest.raises(NotShipped, match="took longer than"):
            await CheckpointCommand(command, os.environ, seconds_max=seconds_max).put(1, ONE.text())
        if said.exists() and said.read_text().strip():
            break
    pid = int(said.read_text())
    async with asyncio.timeout(30):  # whoever takes in orphans may be slow
        while _alive(pid):
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be taken in does not."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return said.rpartition(")")[2].split()[0] != "Z"


async def test_a_command_that_does_not_read_is_no_error_of_ours() -> None:
    await CheckpointCommand("true", os.environ).put(1, b"x" * 1_000_000)


async def test_what_is_read_back_is_named_when_it_is_none(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_bytes(ONE.text() + b"[]\n")
    with pytest.raises(NotACheckpoint, match=r"line 2 of .*all.jsonl is no checkpoint"):
        list(documents_in(path))
    (tmp_path / "checkpoint-3.json").write_bytes(TWO.text())
    with pytest.raises(NotACheckpoint, match=r"checkpoint-3.json holds checkpoint 2"):
        list(documents_in(tmp_path))
    path.write_bytes(b"")
    with pytest.raises(NotACheckpoint, match="there is no checkpoint in"):
        list(documents_in(path))


async def test_what_is_written_after_the_look_is_not_read(closing: Closing, tmp_path: Path) -> None:
    folder, file = CheckpointFolder(tmp_path / "folder"), closing(CheckpointFile(tmp_path / "file"))
    for place in (folder, file):
        await place.held()
        await place.put(1, ONE.text())
    looked = documents_in(tmp_path / "folder"), documents_in(tmp_path / "file")
    for place in (folder, file):
        await place.put(2, TWO.text())
    assert [list(each) for each in looked] == [[ONE], [ONE]]


async def test_documents_can_be_read_by_others(tmp_path: Path) -> None:
    """An auditor is another user, and reads JSON with whatever there is."""
    await CheckpointFolder(tmp_path).put(3, THREE.text())
    found = tmp_path / "checkpoint-3.json"
    assert json.loads(found.read_text())["checkpoint"]["previousHash"] == TWO.hash
    assert stat.S_IMODE(found.stat().st_mode) == 0o644


async def test_two_who_write_the_same_one_at_once_leave_it_whole(tmp_path: Path) -> None:
    large = Document(checkpoint=ONE.checkpoint, hash=ONE.hash, entries=ONE.entries * 10_000).text()
    places = [CheckpointFolder(tmp_path) for _ in range(8)]
    await asyncio.gather(*(place.put(1, large) for place in places))
    assert (tmp_path / "checkpoint-1.json").read_bytes() == large
    assert len(list(tmp_path.iterdir())) == 1
