"""Values of the command line."""

from argparse import ArgumentTypeError


def not_blank(text: str) -> str:
    """Return an id that names something.

    Raises:
        ArgumentTypeError: It is blank, as a shell's variable that is not set: it would name whatever has no id.
    """
    if not text.strip():
        raise ArgumentTypeError("is blank, so it names nothing. Is the variable set that it is taken from?")
    return text
