"""What every Notifier must do: hand words to people as they are, or say that it could not."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from vendorpay.ports import NOTICE_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX, Notice, Notifier, NotNotified


class NotifierContract(ABC):
    """Subclasses give the notifier and what arrived."""

    @pytest.fixture
    @abstractmethod
    def notifier(self) -> Notifier:
        """What is tested, empty and at work."""

    @abstractmethod
    def arrived(self) -> list[tuple[str, str]]:
        """Subjects and texts, in their order."""

    @abstractmethod
    def go_away(self) -> None:
        """From now on nobody answers."""

    async def test_subject_and_text_arrive(self, notifier: Notifier) -> None:
        text = "Zwölf warten.\n\nhttps://example.invalid/payments?status=pending_approval&limit=50\n"
        await notifier.notify(Notice(subject="12 payments wait for approval", text=text))
        assert self.arrived() == [("12 payments wait for approval", text)]

    async def test_as_much_as_a_notice_may_have_arrives(self, notifier: Notifier) -> None:
        notice = Notice(subject="s" * SUBJECT_CHARACTERS_MAX, text="t" * NOTICE_CHARACTERS_MAX)
        await notifier.notify(notice)
        assert self.arrived() == [(notice.subject, notice.text)]

    async def test_one_that_did_not_leave_is_said(self, notifier: Notifier) -> None:
        self.go_away()
        with pytest.raises(NotNotified, match="no answer"):
            await notifier.notify(Notice(subject="x", text="y"))
        assert self.arrived() == []
