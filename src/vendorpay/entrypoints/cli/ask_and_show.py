"""What most commands do: ask the service once, and show what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from vendorpay.entrypoints.cli.output import as_written

if TYPE_CHECKING:
    from vendorpay.client import Client
    from vendorpay.client.answers import Answered, Page

A = TypeVar("A", bound="Answered")
P = TypeVar("P", bound="Page[Any]")


def ask_and_show(
    url: str, token: str | None, ask: Callable[[Client], A], in_words: Callable[[A], None], *, json: bool
) -> None:
    """Shows the answer in words, or with `json` as the service wrote it. Raises what `asked` does."""
    from vendorpay.entrypoints.cli.asked_service import asked

    answer = asked(url, token, ask)
    if json:
        as_written(answer.json)
    else:
        in_words(answer)


def ask_and_show_page(
    url: str, token: str | None, ask: Callable[[Client], P], in_words: Callable[[P], None], *, json: bool
) -> None:
    """The same for a page of a list; in words, it says how to go on where there is more. Raises what `asked` does."""

    def with_what_follows(page: P) -> None:
        in_words(page)
        if page.cursor:
            print(f"There are more: --cursor {page.cursor}")

    ask_and_show(url, token, ask, with_what_follows, json=json)
