"""The running whole of a `serve`: its database, its processes, and looking after both until a signal comes."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from typing import Final
from urllib.parse import urlsplit

from vendorpay import __version__, observe
from vendorpay.adapters.jwks_source import JwksUrl, JwksUrlRefused
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.entrypoints import database_home, handoff
from vendorpay.entrypoints.database_home import DatabaseHome
from vendorpay.entrypoints.embedded_postgres import EmbeddedPostgresError
from vendorpay.entrypoints.ids import system_now
from vendorpay.entrypoints.listening import reachable_url_of, url_of
from vendorpay.entrypoints.members import Members, Signals
from vendorpay.settings import Settings, SettingsError

TICK_S: Final = 0.05
PROBE_TIMEOUT_S: Final = 2.0
# What a request may take by its statement timeout, with room.
DRAIN_S_MAX: Final = 30.0
RESTART_PAUSE_S_MIN: Final = 0.2
RESTART_PAUSE_S_MAX: Final = 5.0
# Processes that end before the service was ever ready: it is not going to be.
DEATHS_MAX_BEFORE_READY: Final = 5


class NeverReady(Exception):
    """The serving processes end again and again; the log above says why. Nothing was left running."""


def run(settings: Settings, members: Members, signals: Signals, listening: socket.socket, memory: int) -> bool:
    """Opens the database, has the members answer until a signal comes, and stops them: True when all ended in order.

    Raises what `serve` raises but CannotListen, with its PostgreSQL stopped.
    """
    with database_home.for_serving(settings) as home:
        _check_issuer(settings)
        ran = asyncio.run(database_home.bring_up_to_date(home.urls, now=system_now()))
        observe.info("the database is up to date", migrations=ran, version=__version__)
        service = _Service(settings, home, members, socket=listening.fileno(), memory=memory)
        service.run_until(signals, url_of(listening), reachable_url_of(listening))
        observe.info("stopping", count=signals.count)
        # Ours first, so that the port is free as soon as the processes have closed theirs.
        listening.close()
        in_order = members.stop(DRAIN_S_MAX, lambda: signals.count > 1)
        if not in_order:
            observe.warning("some requests were not finished in time", duration_ms=DRAIN_S_MAX * 1000)
    return in_order


def _check_issuer(settings: Settings) -> None:
    """Finds out here, once, what every process would fail of."""
    if settings.jwks_url is None:
        LocalIssuer.open(settings.data_dir)
        return
    try:
        JwksUrl(settings.jwks_url)
    except JwksUrlRefused as error:
        raise SettingsError([f"VENDORPAY_JWKS_URL: {error}."]) from error


class _Service:
    """The running whole."""

    def __init__(self, settings: Settings, home: DatabaseHome, members: Members, *, socket: int, memory: int) -> None:
        self._settings = settings
        self._home = home
        self._members = members
        self._socket = socket
        self._memory = memory
        self._pause_s = RESTART_PAUSE_S_MIN
        self._not_before = 0.0

    def run_until(self, signals: Signals, url: str, probed: str) -> None:
        """Tends the processes and PostgreSQL until a signal came; says once when requests are answered."""
        announced = False
        while not signals.count:
            self._members.tend(self._handoff)
            self._tend_postgres()
            if not announced:
                announced = answers(probed)
                if announced:
                    print(f"vendorpay is ready on {url}", flush=True)
                    observe.info("ready", url=url, workers=self._settings.workers)
                elif self._members.deaths >= DEATHS_MAX_BEFORE_READY:
                    raise NeverReady(NeverReady.__doc__)
            time.sleep(TICK_S)

    def _handoff(self, number: int) -> bytes:
        return handoff.made(
            self._settings, database_url=self._home.urls.app, socket=self._socket, memory=self._memory, number=number
        )

    def _tend_postgres(self) -> None:
        if time.monotonic() < self._not_before or self._home.alive():
            return
        observe.warning("PostgreSQL died and is started again")
        try:
            moved = self._home.restart(self._settings)
        except EmbeddedPostgresError as error:
            self._not_before = time.monotonic() + self._pause_s
            observe.failed("PostgreSQL could not be started again", retry_in_s=self._pause_s, **observe.facts_of(error))
            self._pause_s = min(RESTART_PAUSE_S_MAX, self._pause_s * 2)
            return
        self._pause_s = RESTART_PAUSE_S_MIN
        observe.info("PostgreSQL runs again")
        if moved:  # Its port was taken meanwhile: the processes must hear of the new one.
            self._members.renew()


def answers(url: str) -> bool:
    """Whether the service there says that it is ready."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
