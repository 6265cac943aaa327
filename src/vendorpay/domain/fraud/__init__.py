"""Whether a claim looks true: rows, windows and facts of history, rule sets, scores (docs/fraud.md). Pure."""
