"""Times in every spelling of the vendors' pages, read once and written as RFC 3339 in UTC."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The same number is a moment of 1973 in milliseconds and of the year 5138 in seconds: no call was made in either.
MILLISECONDS_FROM = 100_000_000_000
# Longer runs of digits are no epoch time: 20240101123000 would be a moment of the year 2611.
EPOCH_DIGITS = re.compile(r"[0-9]{9,13}")
# A date alone is no time: midnight would be made up.
ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:")
GO_TIME = re.compile(r"(\S+ \S+) ([+-][0-9]{4}) [A-Z]+")  # 2022-10-19 23:31:58 +0000 UTC
# What `format_time` would only repeat: no need to parse it. The 29th of February depends on the year and is parsed.
_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_PLAIN = rf"[12][0-9]{{3}}-{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{3}}(?:[0-9]{{3}})?(?<!000))?"
PLAIN_TIME = re.compile(rf"({_PLAIN})(?:Z|\+00:00)")
PLAIN_TIMES = re.compile(rf"(?:{_PLAIN}(?:Z|\+00:00)\n)++")
MICROSECOND = timedelta(microseconds=1)


def parse_time(value: Any) -> datetime | None:
    """Read a time in any spelling of the vendors' pages; `None` for what is no time.

    ISO 8601 with or without offset (none means UTC) and fraction, `2022-10-19 23:31:58 +0000 UTC`, epoch seconds and
    epoch milliseconds, as numbers or as digits. Zero is no time: some systems write it for none.
    """
    try:
        if isinstance(value, str):
            if not EPOCH_DIGITS.fullmatch(value):
                return parse_written_time(value)
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def parse_written_time(value: str) -> datetime | None:
    """Read a time spelled with date and hours.

    Raises:
        ValueError, OverflowError: It is on no calendar.
    """
    if not ISO_TIME.match(value):
        return None
    if value.count(" ") > 1 and (go_time := GO_TIME.fullmatch(value)):
        value = go_time[1] + go_time[2]
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is UTC:
        return moment
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Spell a UTC time in RFC 3339 with no, three or six digits of fraction: as many as it needs."""
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond % 1000 == 0 else "microseconds")
    return (text[:19] if moment.microsecond == 0 else text.removesuffix("+00:00")) + "Z"


def written_time(value: Any) -> str | None:
    """Spell a time in RFC 3339 UTC, whatever spelling it came in; `None` for what is no time."""
    if value is None:
        return None
    if type(value) is str and (plain := PLAIN_TIME.fullmatch(value)):
        return plain[1] + "Z"
    moment = parse_time(value)
    return None if moment is None else format_time(moment)


def written_times(values: list[Any]) -> Sequence[str | None]:
    """Spell times as `written_time` does, those of a whole page in one go: one by one they take twice as long."""
    try:
        lines = "\n".join([*values, ""])
    except TypeError:  # one is none, or a number
        return [written_time(value) for value in values]
    if PLAIN_TIMES.fullmatch(lines):
        *written, _ = lines.replace("+00:00", "Z").split("\n")
        if len(written) == len(values):
            return written
    return [written_time(value) for value in values]


def parse_times(values: list[Any]) -> list[datetime]:
    """Read the times among values as `parse_time` does, those of a whole page in one go."""
    return [datetime.fromisoformat(written) for written in written_times(values) if written is not None]


def microseconds(moment: datetime) -> int:
    """Return the whole microseconds since 1970, exactly: a float of seconds is not exact."""
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the moment so many microseconds after 1970 began."""
    return EPOCH + timedelta(microseconds=count)
