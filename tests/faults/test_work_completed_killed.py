"""serve is killed again and again while examples/work_completed.jsonl is being published, and resumed."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.faults.dying import SOAK, rounds, seed_of
from tests.scenarios.asking import Office, client_of
from tests.scenarios.books import assert_whole, rows
from tests.scenarios.example_file import FILE, LINES, expected_amounts, is_json, stored_amounts
from tests.scenarios.serving import VENDORPAY, Serve, clean_environment, vendorpay

AT_ONCE = 10
ANSWER_S_MAX = 60


class Publisher:
    """Sends the lines of the file in order, each batch until it is answered."""

    def __init__(self, serve: Serve, token: str) -> None:
        self.answered = 0
        self.progress = asyncio.Event()
        self._serve = serve
        self._token = token

    async def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        lines = [line for line in LINES if is_json(line)]
        async with httpx.AsyncClient(base_url=self._serve.url, trust_env=False, verify=False) as client:
            for start in range(0, len(lines), AT_ONCE):
                body = b"[" + b",".join(lines[start : start + AT_ONCE]) + b"]"
                await self._insist(client, body, headers)
                self.answered += 1
                self.progress.set()

    async def reach(self, batches: int) -> None:
        """Returns when so many batches are answered."""
        async with asyncio.timeout(ANSWER_S_MAX):
            while self.answered < batches:
                self.progress.clear()
                await self.progress.wait()

    async def _insist(self, client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> None:
        deadline = time.monotonic() + ANSWER_S_MAX
        while time.monotonic() < deadline:
            try:
                answer = await client.post("/events", content=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 202:
                return
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.05)
        raise AssertionError("the service did not come back")


async def publish_by_command(serve: Serve, token: str) -> int:
    """`vendorpay events publish` of the whole file, over however many deaths of the service; its exit code."""
    command = [*VENDORPAY, "events", "publish", str(FILE), "--url", serve.url, "--token", token, "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env=clean_environment()
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def moments(rng: random.Random, kills: int) -> list[int]:
    """After how many batches each kill comes: spread over the file, none before the first, and so long before the last
    that there is something left to kill: while a start says that it is ready, some batches are answered already.
    """
    batches = sum(map(is_json, LINES)) // AT_ONCE
    return sorted(rng.sample(range(1, batches - 15), kills))


@pytest.mark.anyio
@pytest.mark.timeout(600)
async def test_killed_in_the_middle_and_resumed_the_file_makes_the_same_payments_and_cents(
    tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    rng = seed_of("work_completed")
    new_data_dir(tmp_path / "data")
    with Serve(tmp_path) as serve:
        serve.start()
        with client_of(serve) as client:
            office = Office(serve, client)
        publisher = Publisher(serve, office.publisher.token)
        by_hand = asyncio.create_task(publisher.run())
        by_command = asyncio.create_task(publish_by_command(serve, office.publisher.token))
        try:
            for batches in moments(rng, rounds(3, 10)):
                await publisher.reach(batches)
                await asyncio.sleep(rng.uniform(0, 0.01))
                serve.kill()
                assert not by_hand.done(), "the kill came too late"
                await asyncio.to_thread(serve.start)
            await by_hand
            if SOAK:
                assert await by_command == 1, "23 lines are rejected, and nothing else is wrong"
        finally:
            # Else it is killed as well, wherever it stands, and the last one resumes it.
            by_hand.cancel()
            by_command.cancel()
            await asyncio.gather(by_hand, by_command, return_exceptions=True)
        await asyncio.to_thread(_check, serve, office)


def _check(serve: Serve, office: Office) -> None:
    arguments = ("events", "publish", str(FILE), "--url", serve.url, "--token", office.publisher.token, "--json")
    last = json.loads(vendorpay(*arguments).stdout.splitlines()[-1])
    assert {name: last[name] for name in ("accepted", "duplicate", "rejected")} == {
        "accepted": 0,
        "duplicate": 577,
        "rejected": 23,
    }
    assert stored_amounts(serve.books_url(), office.org) == expected_amounts()
    accepted = "SELECT count(*) AS n FROM commands WHERE convert_from(answer, 'UTF8')::json ->> 'result' = 'accepted'"
    assert rows(serve.books_url(), accepted)[0]["n"] == 545
    assert_whole(serve.books_url())
    verified = vendorpay("audit", "verify", "--data-dir", str(serve.data_dir), "--json")
    assert verified.returncode == 0, verified.stdout
