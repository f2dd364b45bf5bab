"""The destination's scenarios: leads from a file, 100 a call, to a server that accepts them all."""

import json
import shutil
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from benchmarks.scenario import Command, Contender, Goal, Scenario, Setup, own, peer, plain

OURS = "destination-squadstack"
CDK = "airbyte-cdk destination"
SINGER = "singer-sdk target"
LENIENT = "singer-sdk target, no validation"
DLT = "dlt destination"
FIRST, SECOND, THIRD = "first sync", "second sync", "third sync, nothing changed"
CLEANED, AS_IS = "cleaning", "no cleaning"
LISTED, UNLISTED = "with the list", "without a list"
LEAST_LISTED = 7_000_000_000
_PATH = "/voice/crm-integration-v2/bench/lead-upserted"
_RECORD = b'{"type":"RECORD","record":{"stream":"leads","emitted_at":1,"data":%b}}\n'
_FIELDS = ("city", "product", "source", "remarks")
_STATE_EVERY = 10_000
_STREAM = {"stream_descriptor": {"name": "leads"}}
_STATE = {"type": "STATE", "state": {"type": "STREAM", "stream": {**_STREAM, "stream_state": {}}}}
_STATUS = {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": {**_STREAM, "status": "COMPLETE"}}
_COMPLETE = {"type": "TRACE", "trace": _STATUS}


def lead(number: int, **changes: Any) -> bytes:
    """Return a lead of ten fields, about 300 bytes."""
    fields: dict[str, Any] = {
        "lead_id": f"lead-{number:08d}",
        "phone_number": f"98{number:08d}",
        "contact_name": "Asha Verma",
        "email": f"asha.verma.{number}@example.com",
        "amount": number % 100_000,
        "created_at": "2024-01-01T00:00:00Z",
        **{name: f"{name} of a lead" for name in _FIELDS},
        **changes,
    }
    return orjson.dumps(fields)


def messages(path: Path, leads: Iterable[bytes], *, complete: bool = False) -> Path:
    """Write an input of the destination and return its path; `complete`: with states, and the word that it is."""
    with path.open("wb") as file:
        for number, one in enumerate(leads, 1):
            file.write(_RECORD % one)
            if complete and number % _STATE_EVERY == 0:
                file.write(orjson.dumps(_STATE) + b"\n")
        if complete:
            file.write(orjson.dumps(_STATE) + b"\n" + orjson.dumps(_COMPLETE) + b"\n")
    return path


def write(setup: Setup, name: str, operation: str = "upsert", *, complete: bool = False, **config: Any) -> list[str]:
    """Return the command of our destination, with the files that it needs; `complete`: of a full refresh."""
    whole = {
        "squadstack": {"token": "bench-token", "base_url": setup.address, "calls_per_minute": 1_000_000},
        "workers": 8,
        **config,
        "default": {"operation": operation, "ref_id": "bench", **config.get("default", {})},
    }
    entry = {
        "stream": {"name": "leads", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
        "sync_mode": "full_refresh" if complete else "incremental",
        "destination_sync_mode": "overwrite" if complete else "append_dedup",
        "generation_id": 1,
        "minimum_generation_id": 0,
        "sync_id": 1,
    }
    command = [own(OURS), "write", "--config", setup.file(f"config-{name}.json", whole)]
    return [*command, "--catalog", setup.file(f"catalog-{name}.json", {"streams": [entry]})]


def compared(setup: Setup, latency: float = 0.0) -> list[Contender]:
    """Return our destination and others that post the same leads."""
    setup.serve(latency=latency)
    types = dict.fromkeys(json.loads(lead(0)), "string") | {"amount": "integer"}
    schema = {"properties": {name: {"type": [kind, "null"]} for name, kind in types.items()}}
    described = orjson.dumps({"type": "SCHEMA", "stream": "leads", "schema": schema, "key_properties": ["lead_id"]})
    dialects = {
        "airbyte": (b"", _RECORD),
        "singer": (described + b"\n", b'{"type":"RECORD","stream":"leads","record":%b}\n'),
        "plain": (b"", b"%b\n"),
    }

    def stdin(dialect: str, records: int) -> Path:
        path, (header, line) = setup.folder / f"{dialect}-{records}.jsonl", dialects[dialect]
        if not path.exists():
            with path.open("wb") as file:
                file.write(header)
                file.writelines(line % lead(number) for number in range(records))
        return path

    def contender(name: str, command: Sequence[str], dialect: str, **environment: str) -> Contender:
        address = {"ADDRESS": f"{setup.address}{_PATH}", **environment}
        whole, start = (Command(command, stdin(dialect, records), address) for records in (setup.records, 1))
        return Contender(name, whole, setup.records, start)

    ours = write(setup, "ours")
    return [
        contender(OURS, ours, "airbyte"),
        contender(CDK, (*plain("cdk_destination.py"), *ours[1:]), "airbyte"),
        contender(SINGER, peer("singer", "target.py"), "singer"),
        contender(LENIENT, peer("singer", "target.py"), "singer", NO_VALIDATION="1"),
        contender(DLT, peer("dlt", "destination.py"), "plain"),
    ]


def commands(setup: Setup) -> list[Contender]:
    """Return the commands of our destination that send nothing, and those of others."""
    setup.serve()
    ours = write(setup, "ours")
    check = (own(OURS), "check", *ours[2:4])
    about = ("--about", "--format=json")
    return [
        Contender(f"{OURS} check", Command(check), 0),
        Contender(f"{OURS} spec", Command((own(OURS), "spec")), 0),
        Contender(f"{CDK} spec", Command((*plain("cdk_destination.py"), "spec")), 0),
        Contender(f"{SINGER} --about", Command((*peer("singer", "target.py"), *about)), 0),
    ]


def cleaning(setup: Setup) -> list[Contender]:
    """Return our destination with cleaning and without; only what is cleaned differs between what they read."""
    setup.serve()
    names = {"phone_numbers": "as_is", "custom_values": "as_is", "long_names": "as_is"}

    def messy(number: int) -> bytes:
        spelled = f"+91 98{number // 100_000 % 1000:03}-{number % 100_000:05}"
        odd = {"phone_number": spelled, "amount": number / 8, "source": {"campaign": number}}
        return lead(number, **odd, contact_name="आशा " * 20)

    def contender(name: str, which: Any, **config: Any) -> Contender:
        stem = name.replace(" ", "-")
        command = write(setup, stem, **config)
        inputs = (
            messages(setup.folder / f"{stem}-{records}", map(which, range(records))) for records in (setup.records, 1)
        )
        whole, start = (Command(command, stdin) for stdin in inputs)
        return Contender(name, whole, setup.records, start)

    return [
        contender(AS_IS, lead, cleaning=names),
        contender(CLEANED, lead),
        contender(f"{CLEANED}, messy rows", messy),
    ]


def suppression(setup: Setup) -> list[Contender]:
    """Return our destination with a suppression list and without, each with a single lead."""
    setup.serve()
    listed = setup.folder / "numbers.txt"
    with listed.open("wb") as file:
        for start in range(0, setup.records, 100_000):
            end = min(setup.records, start + 100_000)
            file.write(b"".join(b"%d\n" % (LEAST_LISTED + number * 7) for number in range(start, end)))
    one = messages(setup.folder / "one", [lead(0)])
    return [
        Contender(UNLISTED, Command(write(setup, "unlisted"), one), 1),
        Contender(LISTED, Command(write(setup, "listed", suppression={"path": str(listed)}), one), 1),
    ]


def changed(setup: Setup) -> list[Contender]:
    """Return syncs over one memory: all leads, then one percent changed and a thousandth gone, then the same again."""
    setup.serve()
    store, first = setup.folder / "store", setup.folder / "first-store"
    stored = {"storage_type": "Local", "bucket_path": str(store)}
    default = {"send": "changed", "when_gone": "disable"}
    command = write(setup, "changed", complete=True, default=default, object_storage_config=stored)
    kept, gone = store / ".squadstack/sent", setup.records // 1000
    before = messages(setup.folder / "before", map(lead, range(setup.records)), complete=True)
    rows = (lead(number, **({} if number % 100 else {"city": "Pune"})) for number in range(gone, setup.records))
    after = messages(setup.folder / "after", rows, complete=True)

    def restore() -> None:
        if not first.exists():
            store.rename(first)
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(first, store)

    sent = len(range(-(-gone // 100) * 100, setup.records, 100)) + gone
    return [
        Contender(FIRST, Command(command, before), setup.records, runs=1, keeps=kept),
        Contender(SECOND, Command(command, after), sent, before=restore, keeps=kept),
        Contender(THIRD, Command(command, after), 0, runs=1, keeps=kept),
    ]


def memory(setup: Setup) -> list[Contender]:
    """Return our destination with few and many leads, which it upserts or creates."""
    setup.serve()

    def contender(operation: str, records: int) -> Contender:
        path = setup.folder / f"{records}.jsonl"
        stdin = path if path.exists() else messages(path, map(lead, range(records)))
        command = Command(write(setup, operation, operation), stdin)
        return Contender(f"{operation} {records:,} leads", command, records, runs=1)

    few = setup.records // 50
    return [contender("upsert", few), contender("upsert", setup.records), contender("create", setup.records)]


SCENARIOS = (
    Scenario(
        "destination-no-latency",
        "{records} leads, 100 a call, no latency",
        100_000,
        compared,
        f"`{OURS}` and the {SINGER} validate each record; dlt, the {CDK} and the {LENIENT} do not.",
        (
            Goal("microseconds", CDK, "≥", 1, to=OURS),
            Goal("cpu", CDK, "≥", 1, to=OURS),
            Goal("microseconds", SINGER, "≥", 3, to=OURS),
            Goal("microseconds", DLT, "≥", 3, to=OURS),
        ),
    ),
    Scenario(
        "destination-100-ms",
        "{records} leads, 100 a call, 100 ms a call",
        4_000,
        partial(compared, latency=0.1),
        f"`{OURS}` has up to eight calls under way (`workers`), the others one.",
        (Goal("rate", OURS, "≥", 5, to=SINGER), Goal("rate", OURS, "≥", 5, to=DLT)),
        by="seconds",
    ),
    Scenario(
        "destination-commands",
        "Commands that send nothing",
        1,
        commands,
        "What each takes before it could send a lead.",
        (Goal("cpu", f"{OURS} spec", "≤", 0.5),),
        unit=1,
    ),
    Scenario(
        "destination-cleaning",
        "`cleaning`: {records} leads, 100 a call, no latency",
        100_000,
        cleaning,
        "Clean rows, with all cleaning off and on; then messy rows, each with a spelled number, a fraction, an object "
        "and a name that is too long.",
        (Goal("microseconds", CLEANED, "≤", 1.35, to=AS_IS),),
    ),
    Scenario(
        "destination-suppression",
        "`suppression`: a list of {records} numbers",
        10_000_000,
        suppression,
        "One lead is sent, after the list is read.",
        (Goal("megabytes", LISTED, "≤", 150, beyond=UNLISTED), Goal("seconds", LISTED, "≤", 60, beyond=UNLISTED)),
    ),
    Scenario(
        "destination-changed",
        "`send: changed`: {records} leads, then the same with 1 % changed and 0.1 % gone",
        1_200_000,
        changed,
        "A full refresh twice, with `when_gone` `disable`, at a server without a limit. The first and the third "
        "sync run once; each second sync begins with the memory of the first. On disk is the memory of what was sent.",
        (Goal("calls", SECOND, "≤", 145), Goal("seconds", SECOND, "≤", 90), Goal("megabytes", SECOND, "≤", 200)),
        unit=10_000,
    ),
    Scenario(
        "destination-memory",
        "The most memory, up to {records} leads, no latency",
        1_000_000,
        memory,
        "`create` remembers the leads that it made, as hashes; `upsert` remembers nothing. Each runs once.",
        unit=5_000,
    ),
)
