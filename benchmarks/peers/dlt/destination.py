"""The destination's work as a custom destination of dlt that posts 100 leads a call.

python destination.py < leads.jsonl                  with ADDRESS in the environment
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import dlt
import orjson
import requests

_SESSION = requests.Session()
_PAGE = 1_000


@dlt.destination(batch_size=100, name="leads", skip_dlt_columns_and_tables=True, naming_convention="direct")
def leads(items: list[dict[str, Any]], table: dict[str, Any]) -> None:  # noqa: ARG001 - dlt's signature
    """Post one batch."""
    headers = {"Content-Type": "application/json"}
    answer = _SESSION.post(os.environ["ADDRESS"], data=orjson.dumps(items), headers=headers, timeout=30)
    answer.raise_for_status()
    if any(row["status_code"] != requests.codes.ok for row in orjson.loads(answer.content)["result"]):
        raise RuntimeError("a lead was refused")


@dlt.resource(name="leads")
def from_stdin() -> Iterator[list[dict[str, Any]]]:
    """Read leads, a page at a time, as dlt advises for speed."""
    page: list[dict[str, Any]] = []
    for line in sys.stdin.buffer:
        page.append(orjson.loads(line))
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        dlt.pipeline("leads", destination=leads, pipelines_dir=folder).run(from_stdin())
