#!/usr/bin/env python3
"""The smallest source there can be: leads of a CSV, incremental on `updated_at`, a state every hundred rows."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = ("lead_id", "phone_number", "contact_name", "updated_at")
RECORDS_A_STATE = 100
CATALOG = {
    "streams": [
        {
            "name": "leads",
            "json_schema": {"type": "object", "properties": {name: {"type": "string"} for name in COLUMNS}},
            "supported_sync_modes": ["full_refresh", "incremental"],
            "source_defined_cursor": True,
            "default_cursor_field": ["updated_at"],
            "source_defined_primary_key": [["lead_id"]],
        }
    ]
}
SPEC = {"connectionSpecification": {"type": "object", "properties": {"path": {"type": "string"}}}}


def main() -> None:
    """Run the command that the command line names."""
    command = sys.argv[1]
    if command == "read":
        read(Path(file("--config")["path"]), file("--state") or [])
    elif command == "spec":
        emit("SPEC", spec=SPEC)
    elif command == "discover":
        emit("CATALOG", catalog=CATALOG)
    else:
        emit("CONNECTION_STATUS", connectionStatus={"status": "SUCCEEDED"})


def read(path: Path, states: list[dict[str, Any]]) -> None:
    """Emit the rows that are newer than the state, which must lie in the CSV by `updated_at`."""
    mark = max((state["stream"]["stream_state"]["updated_at"] for state in states), default="")
    count = 0
    with path.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["updated_at"] > mark:
                emit("RECORD", record={"stream": "leads", "data": row, "emitted_at": 1})
                count += 1
                if count % RECORDS_A_STATE == 0:
                    emit_state(row["updated_at"], RECORDS_A_STATE)
                last = row["updated_at"]
    if count % RECORDS_A_STATE:
        emit_state(last, count % RECORDS_A_STATE)


def emit_state(mark: str, count: int) -> None:
    """Emit a state and how many records came since the one before."""
    stream = {"stream_descriptor": {"name": "leads"}, "stream_state": {"updated_at": mark}}
    emit("STATE", state={"type": "STREAM", "stream": stream, "sourceStats": {"recordCount": count}})


def emit(kind: str, **content: Any) -> None:
    """Print a message."""
    sys.stdout.write(json.dumps({"type": kind, **content}) + "\n")


def file(option: str) -> Any:
    """Return what is in the JSON file that an option names, None without the option."""
    if option not in sys.argv:
        return None
    return json.loads(Path(sys.argv[sys.argv.index(option) + 1]).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
