"""Append rows to a file, from where the last run ended: python read.py source.json rows.jsonl states.json."""

import json
import sys
from pathlib import Path

from airbyte_serverless.sources import Source

config, rows, kept = sys.argv[1:]
source = Source(
    "source-squadstack",
    config=json.loads(Path(config).read_text(encoding="utf-8")),
    streams="lead_responses,contact_center_activity",
)
status = source.connection_status
if status["status"] != "SUCCEEDED":
    sys.exit(status["message"])

# One state a stream, the latest: what a platform keeps, and what the next run is given.
states = {}
if Path(kept).exists():
    states = {state["stream"]["stream_descriptor"]["name"]: state for state in json.loads(Path(kept).read_text())}
with Path(rows).open("a", encoding="utf-8") as file:
    for message in source.extract(state=list(states.values())):
        if message["type"] == "RECORD":
            file.write(json.dumps(message["record"]) + "\n")
        elif message["type"] == "STATE":
            file.flush()
            states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
            Path(kept).write_text(json.dumps(list(states.values())))
