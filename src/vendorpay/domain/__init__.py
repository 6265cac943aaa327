"""The words and rules of vendor payments: pure values, no clock, no network, no database."""
