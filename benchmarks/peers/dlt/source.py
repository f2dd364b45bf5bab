"""The source's work as a rest_api source of dlt: `extract`, which ends with rows in files, neither typed nor loaded.

python source.py ADDRESS SINCE PAGE_SIZE CAMPAIGN…          with PARALLEL in the environment, its threads are used
"""

import os
import sys
import tempfile
from datetime import datetime

import dlt
from dlt.sources.rest_api import rest_api_source


def main(address: str, since: str, page_size: str, *campaigns: str) -> None:
    """Read every campaign from a time on."""
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
                    "table_name": "lead_responses",
                    "endpoint": {
                        "path": f"/api/v4/leads/responses/{campaign}/",
                        "params": {"page_size": page_size},
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
        dlt.pipeline("responses", destination="filesystem", pipelines_dir=folder).extract(source)


if __name__ == "__main__":
    main(*sys.argv[1:])
