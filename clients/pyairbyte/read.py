"""Read responses into DuckDB, from where the last run ended: python read.py source.json warehouse.duckdb."""

import json
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache

config, warehouse = sys.argv[1:]
source = ab.get_source(
    "source-squadstack",
    config=json.loads(Path(config).read_text(encoding="utf-8")),
    local_executable="source-squadstack",  # on the PATH, or a path: the connector's own environment
    streams=["lead_responses"],
)
source.check()
# The state lies in the same file as the rows. A stream with a primary key is merged by it.
result = source.read(cache=DuckDBCache(db_path=warehouse, schema_name="squadstack"))
print(f"{result.processed_records} records read")
