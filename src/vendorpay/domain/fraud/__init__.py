"""Whether a claim looks true: rows of history, facts, rule sets, scores (docs/fraud.md). Pure; the store fills Windows."""
