"""The source's work as a rest_api source of dlt: `extract`, which ends with rows in files, neither typed nor loaded.

python source.py ADDRESS SINCE UNTIL PAGE_SIZE CAMPAIGN…          with PARALLEL in the environment, its threads are used
"""

import os
import sys
import tempfile
from datetime import datetime

import dlt
from dlt.sources.rest_api import rest_api_source

_TABLE = "lead_responses"


def main(address: str, since: str, until: str, page_size: str, *campaigns: str) -> None:
    """Read every campaign between two times, and print how many rows there were."""
    incremental = {
        "cursor_path": "processed_at",
        "initial_value": since,
        "start_param": "processed_after",
        "convert": lambda text: int(datetime.fromisoformat(text).timestamp() * 1000),
    }
    source = rest_api_source(
        {
            "client": {
                "base_url": address,
                "auth": {"type": "bearer", "token": "bench-token"},
                "paginator": {"type": "json_link", "next_url_path": "next"},
            },
            "resources": [
                {
                    "name": f"responses_{campaign}",
                    "table_name": _TABLE,
                    "endpoint": {
                        "path": f"/api/v4/leads/responses/{campaign}/",
                        "params": {"page_size": page_size, "processed_before": until},
                        "data_selector": "results",
                        "incremental": incremental,
                    },
                }
                for campaign in campaigns
            ],
        },
        parallelized="PARALLEL" in os.environ,
    )
    with tempfile.TemporaryDirectory() as folder:
        extracted = dlt.pipeline("responses", destination="filesystem", pipelines_dir=folder).extract(source)
    tables = [step["table_metrics"] for steps in extracted.metrics.values() for step in steps]
    rows = sum(metrics[_TABLE].items_count for metrics in tables if _TABLE in metrics)
    sys.stdout.write(f"records: {rows}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
