"""Commands in the name of people, on a service that runs."""

from __future__ import annotations

import json
from typing import Any

from tests.entrypoints.command_line import CommandLine, Result
from tests.scenarios.asking import Office
from tests.scenarios.serving import Serve


class People:
    """Commands in the name of people of one organisation."""

    def __init__(self, run: CommandLine, serve: Serve, office: Office) -> None:
        self._run, self._serve, self._org = run, serve, office.org
        self.subs = {name: f"{name}-{office.org[4:12]}" for name in ("admin", "admin2", "dispatcher", "dispatcher2")}
        self.tokens = {name: serve.token(name.rstrip("2"), sub=sub, org=office.org) for name, sub in self.subs.items()}

    def __call__(self, who: str, *arguments: object) -> Result:
        return self._run(*arguments, "--url", self._serve.url, "--token", self.tokens[who])

    def json(self, who: str, *arguments: object) -> Any:
        """What a command answers for programs."""
        done = self(who, *arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)
