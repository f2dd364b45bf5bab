"""The source's scenarios: every response of all campaigns, from the same server, once."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.instant_server import SMALL, campaign, recording
from benchmarks.scenario import Command, Contender, Goal, Scenario, Setup, own, peer, plain

OURS = "source-squadstack"
DLT = "dlt rest_api"
PARALLEL = "dlt rest_api, parallelized"
SINGER = "singer-sdk tap"
FLOOR = "bare requests and orjson"
DOWNLOADS = "bare parallel downloads"
UNLIMITED = 1_000_000
ALLOWANCE = 1_000
RECORDING_BYTES = 1_000_000
WORKERS = 10
LEADS_A_CAMPAIGN = 5


def read(
    setup: Setup,
    campaigns: Sequence[str],
    page_size: int,
    state: str | None = None,
    stream: str = "lead_responses",
    **config: Any,
) -> list[str]:
    """Return the command of our source, with the files that it needs."""
    name = f"{len(list(setup.folder.iterdir()))}.json"
    section = {
        "token": "bench-token",
        "campaign_ids": list(campaigns),
        "start_date": setup.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "base_url": setup.address,
        "page_size": page_size,
        "calls_per_minute": config.pop("calls_per_minute", UNLIMITED),
    }
    entry = {
        "stream": {"name": stream, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup",
        "include_files": stream == "call_recordings",
    }
    command = [own(OURS), "read", "--config", setup.file(f"config-{name}", {"squadstack": section, **config})]
    command += ["--catalog", setup.file(f"catalog-{name}", {"streams": [entry]})]
    return [*command, "--state", state] if state else command


def peers(setup: Setup, campaigns: Sequence[str], page_size: int) -> dict[str, Command]:
    """Return the commands of the others by name: they read between the same times as our source."""
    since, until = setup.since.isoformat(), int(setup.until.timestamp() * 1000)
    times = (str(int(setup.since.timestamp() * 1000)), str(until), str(page_size))
    asked = (setup.address, since, str(until), str(page_size), *campaigns)
    singer = {
        "address": setup.address,
        "since": since,
        "until": until,
        "page_size": page_size,
        "campaigns": list(campaigns),
    }
    name = f"singer-{len(list(setup.folder.iterdir()))}.json"
    return {
        DLT: Command((*peer("dlt", "source.py"), *asked)),
        PARALLEL: Command((*peer("dlt", "source.py"), *asked), environment={"PARALLEL": "1"}),
        SINGER: Command((*peer("singer", "tap.py"), "--config", setup.file(name, singer))),
        FLOOR: Command((*plain("bare_source.py"), setup.address, *times, *campaigns)),
    }


def compared(
    setup: Setup, against: Sequence[str], page_size: int = 100, campaigns: int = 1, latency: float = 0.0
) -> list[Contender]:
    """Return our source and others that read all responses."""
    setup.serve(records=setup.records, campaigns=campaigns, latency=latency)
    every = [campaign(number) for number in range(campaigns)]
    whole = {OURS: Command(read(setup, every, page_size)), **peers(setup, every, page_size)}
    start = {OURS: Command(read(setup, [SMALL], page_size)), **peers(setup, [SMALL], page_size)}
    return [Contender(name, whole[name], setup.records, start[name]) for name in (OURS, *against)]


def allowance(setup: Setup) -> list[Contender]:
    """Return our source, with a server that admits so many calls a minute."""
    setup.serve(records=setup.records, latency=0.3, allowance=ALLOWANCE)
    limited = partial(read, setup, page_size=100, calls_per_minute=ALLOWANCE)
    return [Contender(OURS, Command(limited([campaign(0)])), setup.records, Command(limited([SMALL])))]


def quiet(setup: Setup) -> list[Contender]:
    """Return all that read a campaign in which nothing is new, and commands that read nothing."""
    setup.serve()
    first = subprocess.run(read(setup, [SMALL], 100), stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - ours
    states = [json.loads(line)["state"] for line in first.splitlines() if line.startswith(b'{"type":"STATE"')]
    ours = read(setup, [SMALL], 100, setup.file("state.json", states[-1:]))
    check = (own(OURS), "check", "--config", ours[ours.index("--config") + 1])
    others = peers(setup, [SMALL], 100)
    return [
        Contender(_READ, Command(ours), 1),
        *(Contender(name, others[name], 1) for name in (DLT, SINGER, FLOOR)),
        Contender(_CHECK, Command(check), 0),
        Contender(_SPEC, Command((own(OURS), "spec")), 0),
    ]


def privacy(setup: Setup, *, page_size: int) -> list[Contender]:
    """Return our source with each setting of `privacy`."""
    setup.serve(records=setup.records)

    def with_setting(setting: str) -> Contender:
        section = {"phone_numbers": setting, "names": setting, "salt": "a salt of the benchmark"}
        commands = (Command(read(setup, [of], page_size, privacy=section)) for of in (campaign(0), SMALL))
        return Contender(setting, next(commands), setup.records, next(commands))

    return [with_setting(setting) for setting in ("keep", "hash", "drop")]


def recordings(setup: Setup) -> list[Contender]:
    """Return our source and a bare downloader, which is given the links."""
    setup.serve(records=setup.records, latency=0.1, recording_bytes=RECORDING_BYTES)
    folder, links = setup.folder / "staging", setup.folder / "links"
    links.write_text("\n".join(recording(setup.address, number) for number in range(setup.records)))

    def empty() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    ours = read(setup, [campaign(0)], 100, stream="call_recordings", num_workers=WORKERS)
    staged = Command(ours, environment={"AIRBYTE_STAGING_DIRECTORY": str(folder)})
    bare = Command((*plain("bare_downloads.py"), str(folder), str(WORKERS)), links)
    return [
        Contender(OURS, staged, setup.records, before=empty, keeps=folder),
        Contender(DOWNLOADS, bare, setup.records, before=empty, keeps=folder),
    ]


def campaigns(setup: Setup) -> list[Contender]:
    """Return our source with few and with many campaigns."""
    most = setup.records // LEADS_A_CAMPAIGN
    setup.serve(records=setup.records, campaigns=most)

    def of(number: int, runs: int | None = None) -> Contender:
        chosen = [campaign(each) for each in range(number)]
        name = f"{number:,} campaign{'s' if number > 1 else ''}"
        return Contender(name, Command(read(setup, chosen, 100)), number * LEADS_A_CAMPAIGN, runs=runs)

    return [of(1), of(most // 10), of(most, runs=1)]


_READ, _CHECK, _SPEC = (f"{OURS} {command}" for command in ("read", "check", "spec"))
_MESSAGES = (
    "`source-squadstack` and the singer-sdk tap write messages with states; dlt extracts into files, which it has yet "
    "to normalize and to load; the bare floor writes a line a row and does nothing else."
)
_PRIVACY_GOALS = tuple(Goal("microseconds", setting, "≤", 1.25, to="keep") for setting in ("hash", "drop"))

SCENARIOS = (
    Scenario(
        "source-page-1000",
        "One campaign, {records} rows, 1,000 a page, no latency",
        200_000,
        partial(compared, against=(DLT, FLOOR), page_size=1000),
        _MESSAGES,
        (Goal("cpu", DLT, "≥", 2, to=OURS),),
        unit=1000,
    ),
    Scenario(
        "source-page-100",
        "One campaign, {records} rows, 100 a page, no latency",
        200_000,
        partial(compared, against=(DLT, FLOOR)),
        _MESSAGES,
        (Goal("cpu", DLT, "≥", 2, to=OURS), Goal("cpu", OURS, "≤", 2, to=FLOOR)),
    ),
    Scenario(
        "source-quiet",
        "A campaign without new leads, and commands that read none",
        1,
        quiet,
        "Each reader makes one call and gets one row: the newest, which the lookback reads again.",
        (
            *(Goal("cpu", command, "≤", 0.8) for command in (_READ, _CHECK)),
            *(Goal("megabytes", command, "≤", 75) for command in (_READ, _CHECK)),
            Goal("cpu", _SPEC, "≤", 0.5),
        ),
        unit=1,
    ),
    Scenario(
        "source-allowance",
        "One campaign, {records} rows, 100 a page, 300 ms a call, 1,000 calls a minute allowed",
        20_000,
        allowance,
        "The server admits 1,000 calls in any 60 seconds and answers 429 to the rest. More than 1,000 a minute means "
        "that the sync ended before a minute was over.",
        (Goal("calls_a_minute", OURS, "≥", 900), Goal("refused", OURS, "≤", 0)),
        by="seconds",
    ),
    Scenario(
        "source-100-ms",
        "One campaign, {records} rows, 100 a page, 100 ms a call",
        1_800,
        partial(compared, against=(SINGER, DLT, FLOOR), latency=0.1),
        "So few pages that the start weighs most.",
        (Goal("seconds", SINGER, "≥", 1, to=OURS),),
        by="seconds",
    ),
    Scenario(
        "source-ten-campaigns",
        "Ten campaigns, {records} rows, 100 a page, 100 ms a call",
        5_000,
        partial(compared, against=(DLT, PARALLEL), campaigns=10, latency=0.1),
        "`source-squadstack` has up to ten calls under way (`num_workers`); dlt has its threads where it says so.",
        (Goal("rate", OURS, "≥", 2, to=DLT), Goal("seconds", PARALLEL, "≥", 1, to=OURS)),
        unit=1000,
        by="seconds",
    ),
    Scenario(
        "source-privacy-page-1000",
        "`privacy`: one campaign, {records} rows, 1,000 a page, no latency",
        100_000,
        partial(privacy, page_size=1000),
        "Phone numbers and names are kept, hashed or dropped.",
        _PRIVACY_GOALS,
        unit=1000,
    ),
    Scenario(
        "source-privacy-page-100",
        "`privacy`: one campaign, {records} rows, 100 a page, no latency",
        100_000,
        partial(privacy, page_size=100),
        "The same at the page size that a config without `page_size` has.",
        _PRIVACY_GOALS,
        unit=100,
    ),
    Scenario(
        "source-recordings",
        "`call_recordings`: {records} files of 1 MB, 100 ms a call, 10 at a time",
        2_000,
        recordings,
        "The bare downloader is given the links. Both write every file to disk and take its SHA-256, on one core.",
        (Goal("megabytes", OURS, "≤", 120),),
        by="seconds",
    ),
    Scenario(
        "source-campaigns",
        "Up to 10,000 campaigns with five leads each, no latency",
        50_000,
        campaigns,
        "One stream, one sync from the start date on. The largest runs once.",
        unit=500,
    ),
)
