"""Fixtures of the fuzzers."""

from tests.api.conftest import issuer

__all__ = ["issuer"]
