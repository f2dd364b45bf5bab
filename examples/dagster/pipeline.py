"""Leads from the warehouse to SquadStack, and what became of them back, every hour: `dagster dev -f pipeline.py`.

In the environment: SOURCE_CONFIG and DESTINATION_CONFIG, the connectors' config files; WAREHOUSE, the DuckDB file; and,
if somebody is to be told, ALERT_URL, where a chat's incoming webhook takes {"text": …}.
"""

import gzip
import json
import os
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
from connectors import ConnectorError, Message, catalog, run
from warehouse import Warehouse, opened

RECORDS_A_STATE = 100
# The connectors wait out rate limits and outages of minutes by themselves; this is for what kills a process.
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=float(os.environ.get("RETRY_SECONDS", "60")), backoff=dg.Backoff.EXPONENTIAL
)


class Alert(dg.ConfigurableResource):
    """Tells somebody: counts and reasons only. A rejected lead is personal data, and lies in the rejected store."""

    url: str = ""

    def send(self, text: str) -> None:
        """Post the text."""
        if self.url:
            body = json.dumps({"text": text}).encode()
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=30).close()


class Connector(dg.ConfigurableResource):
    """One of the two connectors: its console script, and the file with its config."""

    script: str
    config_path: str

    @property
    def config(self) -> Any:
        """What is in the file."""
        return json.loads(Path(self.config_path).read_text(encoding="utf-8"))

    def run(self, command: str, context: dg.AssetExecutionContext, **more: Any) -> Iterator[Message]:
        """Run a command; what trying again cannot mend is not tried again."""
        try:
            yield from run(self.script, command, context.log, config=self.config, **more)
        except ConnectorError as error:
            raise dg.Failure(str(error), allow_retries=not error.config) from error


@dg.asset(
    retry_policy=RETRIES,
    check_specs=[dg.AssetCheckSpec("no_lead_was_rejected", asset="leads_sent")],
)
def leads_sent(
    context: dg.AssetExecutionContext, destination: Connector, warehouse: dg.ResourceParam[str], alert: Alert
) -> Iterator[dg.MaterializeResult]:
    """Send the leads that are new or changed since the last run."""
    sync_id = UUID(context.run.run_id).int >> 80  # names the folder of this run's rejected records, also of a retry's
    written = 0
    if destination.config.get("object_storage_config", {}).get("storage_type") != "Local":
        raise dg.Failure("The destination's config has to keep rejected records in a folder.", allow_retries=False)
    with opened(warehouse) as leads:
        for message in destination.run(
            "write",
            context,
            catalog=catalog("leads", ["lead_id"], sync_id=sync_id),
            messages=lead_messages(leads),
        ):
            state = message["state"]
            # Every lead up to here is on SquadStack or in the rejected store, so that a retry goes on from here.
            leads.keep("leads", state["stream"]["stream_state"])
            written += int(state["destinationStats"]["recordCount"])
    reasons = rejected_reasons(destination.config, sync_id)
    if reasons:
        listed = "; ".join(f"{count} times {reason}" for reason, count in reasons.most_common())
        alert.send(f"SquadStack rejected {reasons.total()} leads: {listed}")
    yield dg.MaterializeResult(
        metadata={"written": written, "rejected": reasons.total()},
        check_results=[
            dg.AssetCheckResult(
                check_name="no_lead_was_rejected",
                passed=not reasons,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"reasons": dict(reasons.most_common()), "sync_id": sync_id},
            )
        ],
    )


def lead_messages(leads: Warehouse) -> Iterator[Message]:
    """Turn leads into what a source prints: records, and a state now and then."""
    mark, count = None, 0
    for count, (lead, mark) in enumerate(leads.newer_leads(), start=1):
        yield {"type": "RECORD", "record": {"stream": "leads", "data": lead, "emitted_at": 0}}
        if count % RECORDS_A_STATE == 0:
            yield state_message(mark)
    if count % RECORDS_A_STATE:
        yield state_message(mark)


def state_message(mark: Any) -> Message:
    """Return a state that says how far the leads were read."""
    stream = {"stream_descriptor": {"name": "leads"}, "stream_state": mark}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": stream}}


def rejected_reasons(config: Any, sync_id: int) -> Counter[str]:
    """Count the reasons in this run's rejected records."""
    store = Path(config["object_storage_config"]["bucket_path"]) / str(sync_id)
    files = (gzip.decompress(path.read_bytes()) for path in store.rglob("*.jsonl.gz"))
    return Counter(json.loads(line)["reason"] for content in files for line in content.splitlines())


@dg.asset(retry_policy=RETRIES, deps=[leads_sent])
def lead_responses(
    context: dg.AssetExecutionContext, source: Connector, warehouse: dg.ResourceParam[str]
) -> dg.MaterializeResult:
    """Read what became of the leads since the last run."""
    rows: list[dict[str, Any]] = []
    read = 0
    with opened(warehouse) as responses:
        known = responses.state("lead_responses")
        for message in source.run(
            "read",
            context,
            catalog=catalog("lead_responses", ["campaign_id", "lead_id"]),
            state=[known] if known else [],
        ):
            if message["type"] == "RECORD":
                rows.append(message["record"]["data"])
            else:
                responses.keep("lead_responses", message["state"], rows)
                read += len(rows)
                rows = []
    return dg.MaterializeResult(metadata={"read": read})


@dg.failure_hook(required_resource_keys={"alert"})
def tell_of_failure(context: dg.HookContext) -> None:
    """Tell which step failed, and in the connector's own words why."""
    error = context.op_exception
    while error is not None and not isinstance(error, dg.Failure):
        error = error.__cause__
    why = error.description if error is not None else "see the run's log"
    context.resources.alert.send(f"The step {context.op.name} failed: {why}")


squadstack = dg.define_asset_job("squadstack", "*", hooks={tell_of_failure}, executor_def=dg.in_process_executor)

definitions = dg.Definitions(
    assets=[leads_sent, lead_responses],
    jobs=[squadstack],
    schedules=[dg.ScheduleDefinition(job=squadstack, cron_schedule="0 * * * *")],
    resources={
        "source": Connector(
            script=os.environ.get("SOURCE", "source-squadstack"), config_path=os.environ["SOURCE_CONFIG"]
        ),
        "destination": Connector(
            script=os.environ.get("DESTINATION", "destination-squadstack"), config_path=os.environ["DESTINATION_CONFIG"]
        ),
        "warehouse": os.environ["WAREHOUSE"],
        "alert": Alert(url=os.environ.get("ALERT_URL", "")),
    },
)
