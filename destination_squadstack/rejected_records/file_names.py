"""The names of the files that syncs keep below the folder of the rejected records: the run, and a number.

A run's id begins with the moment it began. Whoever has put other files there keeps them: they are told by their names.
"""

import re
from datetime import UTC, datetime, timedelta

ENDING = ".jsonl.gz"
# Of rows that are no rejected records: whoever reads every .jsonl.gz must not take them for such.
WITHHELD_ENDING = ".withheld.gz"
# What is kept besides rejected records lies below this folder.
OWN_FOLDER = ".squadstack/"
# No sync lasts longer.
LONGEST_SYNC = timedelta(days=7)

_OF_RUN = re.compile(r"([0-9]{8}T[0-9]{6}Z)-[0-9a-f]+-[0-9]+\.(?:jsonl|withheld)\.gz")


def began_at(path: str) -> datetime | None:
    """Return when the run began that kept a file; None if its name is none that a run gives."""
    name = _OF_RUN.fullmatch(path.rpartition("/")[2])
    if name is None:
        return None
    try:
        return datetime.strptime(name[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
