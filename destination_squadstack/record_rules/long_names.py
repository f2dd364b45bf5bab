"""Names that are longer than the API takes.

A name is cut between two graphemes, what a reader sees as one character: a Devanagari syllable, a letter with its
accents, an emoji of several parts. Its length is counted in code points, as the API's database counts it.
"""

from functools import cache
from typing import Any

MAX_CHARACTERS = 48


def cut_name(value: Any) -> Any:
    """Return a name of at most 48 characters; a value that is no text, or a name that is short enough, as it is.

    A single grapheme that is longer than that leaves nothing to cut: it is returned as it is, for the API to judge.
    """
    if value.__class__ is not str or len(value) <= MAX_CHARACTERS:
        return value
    end = 0
    if value.isascii() and "\r" not in value:
        # Of these characters each is a grapheme: only a carriage return is one together with a line feed.
        end = MAX_CHARACTERS
    else:
        for grapheme in _grapheme().finditer(value):
            if grapheme.end() > MAX_CHARACTERS:
                break
            end = grapheme.end()
    # White space at the cut would be sent as a part of the name.
    return value[:end].rstrip() or value


@cache
def _grapheme() -> Any:
    """Return the pattern of an extended grapheme cluster (UAX #29); few syncs have such a name, and none other pays."""
    import regex  # noqa: PLC0415

    return regex.compile(r"\X")
