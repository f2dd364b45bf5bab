"""The query of the page on sending only what changed runs, and says what became of each lead."""

import gzip
import json
import re
from pathlib import Path

import duckdb


def test_the_delivery_log_joins_with_the_sources_lead_responses(root: Path, tmp_path: Path):
    page = (root / "docs/destinations/sending-only-what-changed.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    folder = tmp_path / ".squadstack/deliveries/7"
    folder.mkdir(parents=True)
    rows = [
        {"target": "ref-1", "lead_id": "L1", "verdict": "written", "reason": None, "decided_at": 1_700_000_000_000},
        {"target": "ref-1", "lead_id": "L1", "verdict": "unchanged", "reason": None, "decided_at": 1_700_086_400_000},
        {"target": "ref-1", "lead_id": "L2", "verdict": "rejected", "reason": "no", "decided_at": 1_700_000_000_000},
    ]
    (folder / "run-000000.jsonl.gz").write_bytes(
        gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    )
    with duckdb.connect() as warehouse:
        warehouse.execute("CREATE TABLE lead_responses (lead_id VARCHAR, lead_outcome VARCHAR)")
        warehouse.execute("INSERT INTO lead_responses VALUES ('L1', 'Interested')")
        found = warehouse.execute(query.replace("'.squadstack", f"'{tmp_path}/.squadstack")).fetchall()
    told = [(lead_id, verdict, reason, outcome) for lead_id, verdict, reason, _, outcome in found]
    assert told == [("L1", "unchanged", None, "Interested"), ("L2", "rejected", "no", None)]
