"""Remembers secrets for an hour, so that the place where they are kept may be away, and is not asked by everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from vendorpay import observe
from vendorpay.ports import Secrets, SecretUnavailable

KEPT_S_MAX: Final = 3600.0
ASKED_AGAIN_S_MIN: Final = 0.2
"""Two questions for one secret are never closer than this, whoever asks."""
AWAY_S: Final = 60.0
"""For how long the old one does when a new one cannot be had."""


class _Kept(msgspec.Struct, frozen=True):
    text: str
    at_s: float


class SecretCache:
    """A port `Secrets` in front of another. Whoever asks while it is being asked gets the same answer."""

    def __init__(self, source: Secrets, *, monotonic: Callable[[], float]) -> None:
        self._source = source
        self._monotonic = monotonic
        self._kept: dict[str, _Kept] = {}
        self._asked: dict[str, asyncio.Task[str]] = {}

    async def current(self, name: str) -> str:
        """The secret as it was at most an hour ago; older only while it cannot be had. Raises SecretUnavailable."""
        kept = self._kept.get(name)
        if kept is not None and self._monotonic() - kept.at_s < KEPT_S_MAX:
            return kept.text
        try:
            return await self._ask(name)
        except SecretUnavailable as error:
            if kept is None:
                raise
            # It was good an hour ago, and most likely is; if not, the database says so and it is asked for anew.
            observe.warning("a secret could not be read again; the one from before goes on", fault=str(error))
            self._kept[name] = _Kept(kept.text, self._monotonic() - KEPT_S_MAX + AWAY_S)
            return kept.text

    async def renewed(self, name: str) -> str:
        """The secret as it is now, for whoever was refused with the one from before. Raises SecretUnavailable."""
        kept = self._kept.get(name)
        if kept is not None and self._monotonic() - kept.at_s < ASKED_AGAIN_S_MIN:
            return kept.text
        return await self._ask(name)

    async def _ask(self, name: str) -> str:
        """One question for all who ask at once; one who leaves does not take it away from the others."""
        task = self._asked.get(name)
        if task is None:
            task = self._asked[name] = asyncio.create_task(self._source.current(name))
            task.add_done_callback(lambda done: self._answered(name, done))
        return await asyncio.shield(task)

    def _answered(self, name: str, done: asyncio.Task[str]) -> None:
        del self._asked[name]
        if not done.cancelled() and done.exception() is None:
            self._kept[name] = _Kept(done.result(), self._monotonic())
