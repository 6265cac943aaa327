"""Imports go down and never round in a circle."""

import pytest

from tests.style.rules.rooms import FOR_ANYONE, RANK, cycles, impure_domain_imports, wrong_imports
from tests.style.rules.source import Source, listing, package


def source(room_file: str, text: str) -> Source:
    return Source.parse(f"src/vendorpay/{room_file}.py", text)


def test_imports_go_down_the_rooms() -> None:
    found = [finding for file in package() for finding in wrong_imports(file)]
    assert not found, listing(found)


def test_the_domain_imports_plain_values_only() -> None:
    found = [finding for file in package() if file.room == "domain" for finding in impure_domain_imports(file)]
    assert not found, listing(found)


def test_no_modules_import_each_other() -> None:
    assert not cycles(package()), listing(cycles(package()))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("domain/payment", "from vendorpay.store import db"),
        ("domain/payment", "from vendorpay import store"),
        ("store/db", "import vendorpay.adapters.stripe"),
        ("adapters/stripe", "from vendorpay.store.db import transaction"),
        ("usecases/pay", "from vendorpay.adapters.stripe import Stripe"),
        ("api/app", "from vendorpay.workers.routes import ROUTES"),
        ("api/app", "from vendorpay.adapters import stripe"),
        ("api/app", "from ..entrypoints import wiring"),
        ("api/app", "from vendorpay.settings import Settings"),
        ("usecases/pay", "def run():\n    from vendorpay.api import app"),
        ("usecases/pay", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import vendorpay.workers.relay"),
        ("usecases/pay", "import importlib\nimportlib.import_module('vendorpay.api.app')"),
        ("observe", "from vendorpay.domain.money import Money"),
        ("metrics/cells", "from vendorpay.store import db"),
        ("settings", "from vendorpay.usecases.deps import Deps"),
        ("plugins/new", "import json"),
        ("client/payments", "from vendorpay.domain.payment import Payment"),
        ("client/payments", "from vendorpay import observe"),
        ("usecases/pay", "from vendorpay.client import Client"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(file: str, text: str) -> None:
    assert len(wrong_imports(source(file, text))) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("usecases/pay", "from vendorpay.domain.money import Money\nfrom vendorpay.usecases.deps import Deps"),
        ("usecases/pay", "from vendorpay import __version__, metrics, observe, ports"),
        ("store/db", "from vendorpay.observe import log\nfrom . import migrate\nimport vendorpay"),
        ("api/app", "from vendorpay.usecases import approve_payment"),
        ("client/payments", "from vendorpay.client.asking import Asking\nimport http.client"),
        ("entrypoints/wiring", "from vendorpay.adapters import stripe\nfrom vendorpay.settings import Settings"),
        ("__main__", "from vendorpay.entrypoints.cli.main import main"),
    ],
)
def test_an_import_that_goes_down_is_let_through(file: str, text: str) -> None:
    assert wrong_imports(source(file, text)) == []


@pytest.mark.parametrize("text", ["import psycopg", "import os.path", "from time import time", "import asyncio"])
def test_a_clock_a_driver_or_a_network_in_the_domain_is_found(text: str) -> None:
    assert len(impure_domain_imports(source("domain/payment", text))) == 1


def test_structs_and_the_standard_library_are_plain_values() -> None:
    text = "import hashlib\nfrom datetime import datetime\nfrom msgspec import Struct\nimport vendorpay.domain.money"
    assert impure_domain_imports(source("domain/payment", text)) == []


def test_two_modules_that_import_each_other_are_found_even_inside_functions() -> None:
    first = source("store/a", "from vendorpay.store.b import x")
    second = source("store/b", "def f():\n    from vendorpay.store import a")
    assert len(cycles([first, second])) == 1
    assert cycles([first, source("store/b", "x = 1")]) == []


def test_every_room_of_the_package_has_a_rank() -> None:
    assert {file.room for file in package()} <= RANK.keys() | FOR_ANYONE
