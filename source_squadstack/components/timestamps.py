"""Times in every spelling of the vendors' pages, and the spelling in which they leave."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH_DIGITS = re.compile(r"[0-9]{9,13}")
ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:")
GO_TIME = re.compile(r"(\S+ \S+) ([+-][0-9]{4}) [A-Z]+")  # 2022-10-19 23:31:58 +0000 UTC
MILLISECONDS_FROM = 100_000_000_000  # as seconds the year 5138, as milliseconds March 1973


def parse_time(value: Any) -> datetime | None:
    """Read a time in any spelling of the vendors' pages; `None` for what is no time.

    ISO 8601 with or without offset (none means UTC) and fraction, `2022-10-19 23:31:58 +0000 UTC`, epoch seconds and
    epoch milliseconds, as numbers or as digits.
    """
    try:
        if isinstance(value, str) and EPOCH_DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, str):
            return parse_written_time(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def parse_written_time(value: str) -> datetime | None:
    """Read a time spelled with date and hours."""
    if not ISO_TIME.match(value):
        return None
    if go_time := GO_TIME.fullmatch(value):
        value = go_time[1] + go_time[2]
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Spell a UTC time in RFC 3339 with no, three or six digits of fraction: as many as it needs."""
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond % 1000 == 0 else "microseconds")
    return (text[:19] if moment.microsecond == 0 else text.removesuffix("+00:00")) + "Z"


# What `format_time` would only repeat: no need to parse it. Days after the 28th depend on the month and are parsed.
PLAIN_TIME = re.compile(
    r"([12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{3}(?:[0-9]{3})?(?<!000))?)(?:Z|\+00:00)"
)


def written_time(value: Any) -> str | None:
    """Spell a time in RFC 3339 UTC, whatever spelling it came in; `None` for what is no time."""
    if value is None:
        return None
    if type(value) is str and (plain := PLAIN_TIME.fullmatch(value)):
        return plain[1] + "Z"
    moment = parse_time(value)
    return None if moment is None else format_time(moment)


def in_order(written: str) -> str:
    """Return what stands in the order of times: written ones do not, because ".5Z" sorts before "Z"."""
    return written[:-1]


EPOCH = datetime.fromtimestamp(0, UTC)


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


STATE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
