"""A lead goes round: CSV, destination-squadstack, SquadStack (the emulator), calls, source-squadstack, DuckDB.

What is called on the second day is also posted, as it happens, to webhooks-squadstack, and comes to DuckDB as events.

Every figure printed is counted from what lies in the CSV, on the emulator, in the rejected store and in DuckDB; where
they contradict each other the demo says so and ends with 1.
"""

import csv
import gzip
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.connectors import ConnectorFailedError, Message, run
from demo.receiver import KEY, PULL_TOKEN, Receiver
from demo.warehouse import TABLES, Warehouse
from squadstack_emulator import Campaign, Emulator, Scenario, Webhook
from squadstack_emulator.scenario import EventKind

CAMPAIGN = Campaign(id="0PT711", ref_id="demo-ref")
LEADS = Path(__file__).with_name("leads.csv")
WORK = Path(".demo")
RECORDS_A_STATE = 250
# The emulator's calendar starts some days back, so that three days of calls need not take three days.
DAYS = 3
CALLED_FIRST = 0.9
CHANGED, GONE = 50, 20
EVENTS: tuple[EventKind, ...] = ("call", "lead_processed", "sms", "whatsapp", "ivr", "email")

console = Console(highlight=False)


def main() -> int:
    """Run the demo; return the exit code."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    opened = datetime.now(UTC) - timedelta(days=DAYS)
    scenario = Scenario(campaigns=(CAMPAIGN,))
    with ExitStack() as running:
        emulator = running.enter_context(Emulator(scenario, clock=lambda: opened))
        console.print(f"[bold]SquadStack emulator[/] on {emulator.url}, {scenario.calls_per_minute} calls a minute")
        write_configs(emulator.url, scenario.token, opened)
        warehouse = Warehouse(WORK / "warehouse.duckdb")
        sent = send_leads()

        console.rule("calls are made")
        called = call(emulator, opened, opened + timedelta(days=DAYS - 1), CALLED_FIRST)
        console.print(f"{called:,} leads called over two days")
        first = sync(warehouse, "first sync")

        console.rule("a day later, with a webhook receiver")
        receiver = running.enter_context(Receiver(WORK))
        add_webhooks(emulator, receiver)
        now = datetime.now(UTC) - timedelta(minutes=2)
        called = call(emulator, opened + timedelta(days=DAYS - 1), now, 1.0)
        console.print(f"{called:,} more leads called")
        arrive(emulator)
        second = sync(warehouse, "second sync, incremental")

        report(emulator, warehouse, sent, (first, second))
        code = report_agreement(emulator, warehouse)
        send_changes(emulator)
        return code


def write_configs(url: str, token: str, opened: datetime) -> None:
    """Write the files that a user of the console scripts would write."""
    files = {
        "source.json": {
            "squadstack": {
                "token": token,
                "campaign_ids": [CAMPAIGN.id],
                "start_date": f"{opened:%Y-%m-%dT00:00:00Z}",
                "base_url": url,
                "page_size": 500,
            }
        },
        "destination.json": {
            "squadstack": {"token": token, "base_url": url},
            "default": {
                "operation": "upsert",
                "api": "crm_v2",
                "ref_id": CAMPAIGN.ref_id,
                "send": "changed",
                "when_gone": "disable",
            },
            "object_storage_config": {"storage_type": "Local", "bucket_path": str((WORK / "rejected").resolve())},
        },
        "leads_catalog.json": catalog("leads", sync_mode="full_refresh"),
        "source_catalog.json": catalog("lead_responses"),
        "state.json": [],
    }
    for name, content in files.items():
        (WORK / name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def catalog(*streams: str, sync_mode: str = "incremental") -> dict[str, Any]:
    """Return a configured catalog of these streams, with deduplication."""
    described = [
        {
            "name": stream,
            "json_schema": {"type": "object"},
            "supported_sync_modes": ["full_refresh", "incremental"],
        }
        for stream in streams
    ]
    return {
        "streams": [
            {"stream": stream, "sync_mode": sync_mode, "destination_sync_mode": "append_dedup"} for stream in described
        ]
    }


def add_webhooks(emulator: Emulator, receiver: Receiver) -> None:
    """Have events posted to the receiver, some of them twice, and read by the source."""
    emulator.change(webhook=Webhook(f"{receiver.url}/events/{KEY}", EVENTS, repeat_every=20, connections=16))
    config = orjson.loads((WORK / "source.json").read_bytes())
    config["webhooks"] = {"url": receiver.url, "token": PULL_TOKEN}
    (WORK / "source.json").write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2))
    (WORK / "source_catalog.json").write_bytes(orjson.dumps(catalog("lead_responses", "webhook_events")))
    console.print(f"[bold]webhooks-squadstack[/] on {receiver.url}")


def arrive(emulator: Emulator) -> None:
    """Wait until the receiver has what was posted, and say how long after the calls that was."""
    started = time.monotonic()
    emulator.wait_for_posts()
    posts = [post for post in emulator.request_log.posts if post.status == HTTPStatus.CREATED]
    events = len({post.event for post in posts})
    console.print(
        f"{events:,} events and {len(posts) - events:,} repeats of them answered 201, "
        f"{time.monotonic() - started:.1f} s after the last call"
    )


def send_leads() -> Counter[str]:
    """Check the destination and write the CSV through it; return the totals of `destinationStats`."""
    console.rule("leads go out")
    check("destination-squadstack", WORK / "destination.json")
    with LEADS.open(newline="", encoding="utf-8") as file:
        total = sum(1 for _ in csv.reader(file)) - 1
    totals: Counter[str] = Counter()
    with progress() as bar:
        task = bar.add_task(f"destination-squadstack write < {LEADS.name}", total=total)
        for message in run(
            "destination-squadstack",
            "write",
            csv_messages(),
            config=WORK / "destination.json",
            catalog=WORK / "leads_catalog.json",
        ):
            if message["type"] == "STATE":
                stats = message["state"]["destinationStats"]
                totals["written"] += int(stats["recordCount"])
                totals["rejected"] += int(stats["rejectedRecordCount"])
                bar.update(task, completed=totals.total())
    return totals


def send_changes(emulator: Emulator) -> None:
    """Write the same CSV once more, some rows changed and some gone, and say what that takes."""
    console.rule("the same CSV, a few days later")
    before = Counter(call.path.rpartition("/")[2] for call in emulator.request_log.calls)
    for message in run(
        "destination-squadstack",
        "write",
        csv_messages(changed=CHANGED, gone=GONE),
        config=WORK / "destination.json",
        catalog=WORK / "leads_catalog.json",
    ):
        log = message.get("log", {}).get("message", "")
        if log.startswith("Finished"):
            console.print(f"destination-squadstack: {log.partition(': ')[2].partition('.')[0]}")
    calls = Counter(call.path.rpartition("/")[2] for call in emulator.request_log.calls) - before
    said = ", ".join(f"{count} to {endpoint}" for endpoint, count in calls.items())
    console.print(f"{CHANGED} rows changed, {GONE} gone: calls: {said}")


def csv_messages(*, changed: int = 0, gone: int = 0) -> Iterator[Message]:
    """Turn the CSV into what a source prints: a record a row (blank cells left out), a state now and then.

    So many of its first rows are changed, and so many after them are left out.
    """
    emitted_at = int(datetime.now(UTC).timestamp() * 1000)
    number = 0
    with LEADS.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):  # the last one is used below
            if changed < number <= changed + gone:
                continue
            data = {name: value for name, value in row.items() if value != ""}
            if number <= changed:
                data["segment"] = "changed"
            yield {"type": "RECORD", "record": {"stream": "leads", "data": data, "emitted_at": emitted_at}}
            if number % RECORDS_A_STATE == 0:
                yield state_message(number)
    yield state_message(number)
    status = {"stream_descriptor": {"name": "leads"}, "status": "COMPLETE"}
    trace = {"type": "STREAM_STATUS", "emitted_at": emitted_at, "stream_status": status}
    yield {"type": "TRACE", "trace": trace}


def state_message(row: int) -> Message:
    """Return a state that says how far the CSV was read."""
    stream = {"stream_descriptor": {"name": "leads"}, "stream_state": {"row": row}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": stream, "id": row}}


def call(emulator: Emulator, first_at: datetime, last_at: datetime, share: float) -> int:
    """Let the emulator call its leads within a time; return how many it called."""
    leads = len(emulator.leads(CAMPAIGN.id))
    return emulator.call_leads(CAMPAIGN.id, limit=int(leads * share), first_at=first_at, last_at=last_at)


def sync(warehouse: Warehouse, title: str) -> Counter[str]:
    """Check, discover and read with the source, and load what it prints; return what was read and what was new."""
    console.rule(title)
    check("source-squadstack", WORK / "source.json")
    for message in run("source-squadstack", "discover", config=WORK / "source.json"):
        if message["type"] == "CATALOG":
            names = ", ".join(stream["name"] for stream in message["catalog"]["streams"])
            console.print(f"source-squadstack discover: {names}")
    read: Counter[str] = Counter()
    states = {state["stream"]["stream_descriptor"]["name"]: state for state in saved_states()}
    files = {stream: WORK / f"{stream}.jsonl" for stream in TABLES}
    with ExitStack() as opened:
        writers = {stream: opened.enter_context(path.open("wb")) for stream, path in files.items()}
        for message in run(
            "source-squadstack",
            "read",
            config=WORK / "source.json",
            catalog=WORK / "source_catalog.json",
            state=WORK / "state.json",
        ):
            if message["type"] == "RECORD":
                stream = message["record"]["stream"]
                read[stream] += 1
                writers[stream].write(orjson.dumps(message["record"]["data"]) + b"\n")
            elif message["type"] == "STATE":
                states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    # In this order: a state that is kept before its records are would let the receiver delete them.
    new = {stream: warehouse.load(stream, path) for stream, path in files.items()}
    (WORK / "state.json").write_bytes(orjson.dumps(list(states.values())))
    for stream, count in read.items():
        console.print(f"source-squadstack read {stream}: {count:,} records, {new[stream]:,} of them new")
    return Counter(read=read["lead_responses"], new=new["lead_responses"])


def saved_states() -> list[dict[str, Any]]:
    """Read the states of the last sync."""
    states: list[dict[str, Any]] = orjson.loads((WORK / "state.json").read_bytes())
    return states


def check(name: str, config: Path) -> None:
    """Run a connector's check and show its answer."""
    for message in run(name, "check", config=config):
        if message["type"] == "CONNECTION_STATUS":
            status = message["connectionStatus"]
            console.print(f"{name} check: {status['status']} {status.get('message') or ''}")
            if status["status"] != "SUCCEEDED":
                raise ConnectorFailedError(f"{name} check: {status.get('message')}")


def report(emulator: Emulator, warehouse: Warehouse, sent: Counter[str], syncs: tuple[Counter[str], ...]) -> None:
    """Show what came of it all."""
    console.rule("the loop, counted")
    rejected = rejected_rows()
    table = Table("", "", box=None)
    table.add_row("rows of the CSV", f"{sent.total():,}")
    table.add_row("written to SquadStack", f"{sent['written']:,}")
    table.add_row("rejected", f"{sent['rejected']:,}")
    for reason, count in Counter(str(row["reason"]) for row in rejected).most_common():
        table.add_row(f"  {reason}", f"[dim]{count:,}[/]")
    table.add_row("on SquadStack", f"{len(emulator.leads(CAMPAIGN.id)):,}")
    table.add_row("in DuckDB", f"{len(warehouse.lead_ids()):,}")
    for outcome, count in warehouse.outcomes():
        table.add_row(f"  {outcome}", f"[dim]{count:,}[/]")
    table.add_row("webhook events in DuckDB", f"{len(warehouse.payloads()):,}")
    for kind, count in warehouse.event_types():
        table.add_row(f"  {kind}", f"[dim]{count:,}[/]")
    console.print(table)
    first, second = syncs
    console.print(
        f"first sync read {first['read']:,}; the second {second['new']:,} new and {second['read'] - second['new']:,} "
        "again (the lookback of an hour)"
    )
    log = emulator.request_log
    console.print(
        f"calls made: {len(log.calls)}, at most {log.max_calls_in_window} in any minute of the "
        f"{emulator.scenario.calls_per_minute} allowed, {log.throttled} throttled"
    )
    console.print(f"rejected records, whole, with their reasons: {WORK / 'rejected'}")
    console.print(f"the warehouse: {WORK / 'warehouse.duckdb'}")


def rejected_rows() -> list[dict[str, Any]]:
    """Read the rejected store."""
    return [
        orjson.loads(line) for path in sorted((WORK / "rejected").rglob("*.jsonl.gz")) for line in gzip.open(path, "rb")
    ]


def report_agreement(emulator: Emulator, warehouse: Warehouse) -> int:
    """Compare the CSV, the emulator, the rejected store and DuckDB; return 0 where they agree."""
    with LEADS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    in_csv = Counter(row["lead_id"] for row in rows)
    on_server = emulator.leads(CAMPAIGN.id)
    rejected = Counter(str(row["data"].get("lead_id", "")) for row in rejected_rows())
    called = {lead_id for lead_id, lead in on_server.items() if lead.processed_at is not None}
    statements = {
        "every row of the CSV is on SquadStack once or in the rejected store once": Counter(on_server.keys()) + rejected
        == in_csv,
        "every called lead is in DuckDB once, and nothing else is": warehouse.lead_ids() == called,
        "every event that was posted is in DuckDB once, and nothing else is": Counter(warehouse.payloads())
        == Counter({post.body.decode(): 1 for post in emulator.request_log.posts if post.status == HTTPStatus.CREATED}),
        "the API saw no request that its documents do not describe": not emulator.request_log.violations,
    }
    for statement, holds in statements.items():
        console.print(f"[green]holds[/]  {statement}" if holds else f"[red bold]FAILS[/]  {statement}")
    return 0 if all(statements.values()) else 1


def progress() -> Progress:
    """Return a progress bar in leads."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConnectorFailedError as failure:
        console.print(f"[red bold]{failure}[/]")
        sys.exit(1)
