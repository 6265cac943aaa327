"""Questions that come while others are being answered are asked together next, and nobody reads the past."""

import asyncio
from collections.abc import Sequence

import pytest

from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.usecases import gathered as gathering
from vendorpay.usecases.gathered import Gathered

pytestmark = pytest.mark.anyio


class Source:
    """Answers each question with what it knows when it is asked; `asked` tells what came together."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.known = 0
        self.turn = asyncio.Event()
        self.away = False
        self.poison = ""

    async def read(self, questions: Sequence[str]) -> list[str]:
        self.asked.append([*questions])
        if self.away:
            raise DatabaseUnavailable
        if self.poison in questions:
            raise ZeroDivisionError
        known = self.known
        await self.turn.wait()
        return [f"{question}{known}" for question in questions]


async def begun(gathered: Gathered[str, str], *questions: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(gathered.ask(question)) for question in questions]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_a_question_that_finds_nobody_asking_is_asked_at_once_alone() -> None:
    source = Source()
    source.turn.set()
    assert await Gathered(source.read).ask("a") == "a0"
    assert source.asked == [["a"]]


async def test_those_that_come_meanwhile_go_together_next_each_once_and_no_more_than_fit() -> None:
    source = Source()
    gathered = Gathered(source.read, together_max=2, askers_max=1)
    tasks = await begun(gathered, "a", "b", "c", "b", "d")
    source.turn.set()
    assert await asyncio.gather(*tasks) == ["a0", "b0", "c0", "b0", "d0"]
    assert source.asked == [["a"], ["b", "c"], ["d"]]


async def test_nobody_shares_an_answer_that_was_being_read_before_they_asked() -> None:
    source = Source()
    gathered = Gathered(source.read, askers_max=1)
    (early,) = await begun(gathered, "a")
    source.known = 1
    (late,) = await begun(gathered, "a")
    source.turn.set()
    assert (await early, await late) == ("a0", "a1")


async def test_several_ask_side_by_side() -> None:
    source = Source()
    tasks = await begun(Gathered(source.read, askers_max=2), "a", "b", "c")
    assert source.asked == [["a"], ["b"]]
    source.turn.set()
    assert await asyncio.gather(*tasks) == ["a0", "b0", "c0"]


async def test_an_error_reaches_everybody_it_concerns_and_nobody_later() -> None:
    source = Source()
    gathered = Gathered(source.read, askers_max=1)
    tasks = await begun(gathered, "a", "b", "c")
    source.away = True
    source.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == "a0"
    assert [type(result) for result in results[1:]] == [DatabaseUnavailable] * 2
    source.away = False
    assert await gathered.ask("d") == "d0"


async def test_one_question_that_cannot_be_answered_fails_alone() -> None:
    """A payment that breaks its score holds none of those back that are scored with it."""
    source = Source()
    gathered = Gathered(source.read, askers_max=1)
    tasks = await begun(gathered, "a", "b", "c", "d", "c")
    source.poison = "c"
    source.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for result in results if isinstance(result, str)] == ["a0", "b0", "d0"]
    assert [type(result) for result in (results[2], results[4])] == [ZeroDivisionError] * 2
    assert source.asked[1:] == [["b", "c", "d"], ["b"], ["c"], ["d"]]


async def test_nobody_waits_for_ever_and_no_more_wait_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAITING_MAX", 2)
    monkeypatch.setattr(gathering, "WAIT_S_MAX", 0.05)
    source = Source()
    gathered = Gathered(source.read, askers_max=1)
    tasks = await begun(gathered, "a", "b", "c")
    with pytest.raises(Overloaded):
        await gathered.ask("d")
    await asyncio.sleep(0.06)
    source.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == "a0"
    assert [type(result) for result in results[1:]] == [Overloaded] * 2
    assert await gathered.ask("d") == "d0"


async def test_where_there_is_no_database_nobody_finds_that_out_after_another() -> None:
    source = Source()
    gathered = Gathered(source.read, together_max=1, askers_max=1)
    tasks = await begun(gathered, "a", "b", "c", "d")
    source.away = True
    source.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results[1:]] == [DatabaseUnavailable] * 3
    assert source.asked == [["a"], ["b"]]


async def test_whoever_hangs_up_takes_nobody_along() -> None:
    source = Source()
    gathered = Gathered(source.read, askers_max=1)
    first, second, third = await begun(gathered, "a", "b", "b")
    first.cancel()
    second.cancel()
    source.turn.set()
    assert await third == "b0"
    assert await gathered.ask("c") == "c0"
