"""Checking a command's options: whatever is wrong with them is collected and said at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from vendorpay.entrypoints.cli.failures import WrongUsage
from vendorpay.entrypoints.cli.options import PAGE_MAX
from vendorpay.settings import Settings, SettingsError


class Faults:
    """What is wrong so far. What a check returns may be used after `end`, which is not passed when one failed."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, *sentences: str) -> None:
        """Puts faults on the list."""
        self._found += sentences

    def end(self) -> None:
        """Raises WrongUsage with every fault, if there is one."""
        if self._found:
            raise WrongUsage(*self._found)

    def settings(self, read: Callable[[], Settings]) -> Settings:
        """The settings that `read` gives."""
        try:
            return read()
        except SettingsError as error:
            self.add(*error.faults)
            return Settings()

    def whole(self, option: str, text: str, lowest: int, highest: int) -> int:
        """A whole number within its bounds."""
        if text.isascii() and text.isdigit() and lowest <= int(text[:20]) <= highest:
            return int(text)
        self.add(f"{option} must be a whole number from {lowest} to {highest}, not {text[:40]!r}.")
        return lowest

    def uuid(self, option: str, text: str | None) -> UUID | None:
        """A UUID, where one was given."""
        try:
            return None if text is None else UUID(text)
        except ValueError:
            self.add(f"{option} must be a UUID, not {text!r}.")
            return None

    def payment_ids(self, texts: list[str]) -> list[str]:
        """Payments' ids as they go into a path."""
        found = []
        for text in texts:
            try:
                found.append(str(UUID(text)))
            except ValueError:
                self.add(f"{text!r} is no payment's id: it must be a UUID.")
        return found

    def json_object(self, option: str, text: str | None) -> dict[str, Any] | None:
        """A JSON object, where one was given."""
        try:
            found = None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            found = text
        if found is None or isinstance(found, dict):
            return found
        self.add(f'{option} must be a JSON object like {{"odometerKm": 48211}}.')
        return None

    def address(self, url: str, token: str | None) -> None:
        """Where the service answers, and who is asking."""
        if not url.startswith(("http://", "https://")):
            self.add("--url must be like http://127.0.0.1:8080.")
        if not token:
            self.add("--token is missing: give one, or set VENDORPAY_TOKEN. `vendorpay token` mints one.")
        elif not (token.isascii() and token.isprintable()):
            self.add("--token is no token: it must be one line of letters, digits and .-_")


def checked_id(name: str, text: str, url: str, token: str | None, faults: Faults | None = None) -> str:
    """The id that a command was given as `name`, as it goes into a path.

    The last check of a command that asks the service. Raises WrongUsage with every fault, those found before too.
    """
    faults = faults or Faults()
    found = faults.uuid(name, text)
    faults.address(url, token)
    faults.end()
    return str(found)


def checked_limit(text: str, url: str, token: str | None, faults: Faults | None = None) -> int:
    """How many are to be on a page. The last check of a command that lists; raises WrongUsage as `checked_id` does."""
    faults = faults or Faults()
    many = faults.whole("--limit", text, 1, PAGE_MAX)
    faults.address(url, token)
    faults.end()
    return many


def require_database(settings: Settings, what: str) -> None:
    """Raises WrongUsage when there is no database yet to do `what` with.

    A new one would be made, and whoever mistyped the directory would believe that it is theirs.
    """
    from vendorpay.entrypoints.database_home import exists

    if not exists(settings):
        raise WrongUsage(f"There is no database in {settings.data_dir}: name the one to {what} with --data-dir.")
