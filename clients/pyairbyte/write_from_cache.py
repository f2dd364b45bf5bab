"""Send all that a cache holds, at each run: python write_from_cache.py destination.json leads.csv cache.duckdb."""

import json
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache

config, leads, cache = sys.argv[1:]
source = ab.get_source(
    "source-leads",
    config={"path": leads},
    local_executable=Path(__file__).with_name("leads_source.py"),
    streams=["leads"],
)
destination = ab.get_destination(
    "destination-squadstack",
    config=json.loads(Path(config).read_text(encoding="utf-8")),
    local_executable="destination-squadstack",
)
result = destination.write(source, cache=DuckDBCache(db_path=cache))
print(f"{result.processed_records} records sent")
