"""Send leads, from where the last run ended: python write.py destination.json leads.csv state.duckdb."""

import json
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache

config, leads, state = sys.argv[1:]
source = ab.get_source(
    "source-leads",  # any source whose streams hold leads
    config={"path": leads},
    local_executable=Path(__file__).with_name("leads_source.py"),
    streams=["leads"],
)
destination = ab.get_destination(
    "destination-squadstack",
    config=json.loads(Path(config).read_text(encoding="utf-8")),
    local_executable="destination-squadstack",
)
destination.check()
# cache=False: records go straight through, new ones only. A cache would be sent whole, each time.
result = destination.write(source, cache=False, state_cache=DuckDBCache(db_path=state))
print(f"{result.processed_records} records sent")
