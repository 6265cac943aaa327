"""Histories of roadside work with fraud planted in them and labels that say where; the same seed, the same history."""
