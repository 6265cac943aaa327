"""The message edge: what works without being asked. Each part is a loop around one use case."""
