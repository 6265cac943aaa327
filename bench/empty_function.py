"""A function that does nothing, to know what every function pays."""


def handler(event: object, context: object) -> None:
    """Answers nothing."""
