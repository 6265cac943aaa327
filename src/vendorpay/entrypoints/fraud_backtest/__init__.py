"""Holding the fraud engine against events whose truth is known, offline: nothing is stored (docs/fraud.md)."""
