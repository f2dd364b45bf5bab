"""Logs: one JSON object a line on stderr, with counts and reasons, never a lead, a key or a token."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

_LOGGER = logging.getLogger("webhooks_squadstack")


class _JsonLines(logging.Formatter):
    """Formats our own log records, and of all others only what cannot hold data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            # Neither its text nor its values: a database's error repeats the row, and a row is a lead.
            line["error"] = record.exc_info[0].__name__
            line["at"] = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(record.exc_info[2])[-6:]]
        return json.dumps(line)


def set_up() -> None:
    """Send every log of the process to stderr, as lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _LOGGER.setLevel(logging.INFO)


def log(event: str, *, level: int = logging.INFO, **fields: str | float | None) -> None:
    """Log what happened; fields are counts, names of ours, reasons."""
    _LOGGER.log(level, event, extra={"fields": fields})
