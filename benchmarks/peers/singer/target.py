"""The destination's work as a target of the Meltano singer-sdk: a batch sink that posts 100 leads a call.

python target.py < singer_messages.jsonl          with ADDRESS, perhaps NO_VALIDATION, in the environment
"""

import os
from typing import Any

import orjson
import requests
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink
from singer_sdk.target_base import Target


class Leads(BatchSink):
    """Posts batches of leads."""

    max_size = 100
    # On as the SDK has it, since the destination validates as well; off to see what it costs.
    validate_schema = "NO_VALIDATION" not in os.environ

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session = requests.Session()

    def process_batch(self, context: dict[str, Any]) -> None:
        """Post one batch."""
        leads = [
            {name: value for name, value in record.items() if not name.startswith("_sdc_")}
            for record in context["records"]
        ]
        headers = {"Content-Type": "application/json"}
        answer = self._session.post(os.environ["ADDRESS"], data=orjson.dumps(leads), headers=headers, timeout=30)
        answer.raise_for_status()
        if any(row["status_code"] != requests.codes.ok for row in orjson.loads(answer.content)["result"]):
            raise RuntimeError("a lead was refused")


class TargetLeads(Target):
    """The target."""

    name = "target-leads"
    config_jsonschema = th.PropertiesList().to_dict()
    default_sink_class = Leads


if __name__ == "__main__":
    TargetLeads.cli()
