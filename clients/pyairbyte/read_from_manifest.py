"""Read responses without the connector: python read_from_manifest.py source.json warehouse.duckdb manifest.yaml."""

import json
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache

config, warehouse, manifest = sys.argv[1:]
source = ab.get_source(
    "source-squadstack",
    config=json.loads(Path(config).read_text(encoding="utf-8")),
    source_manifest=Path(manifest),  # components.py lies beside it
    streams=["lead_responses"],
)
source.check()
result = source.read(cache=DuckDBCache(db_path=warehouse, schema_name="squadstack"))
print(f"{result.processed_records} records read")
