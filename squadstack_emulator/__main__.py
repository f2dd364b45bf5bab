"""The emulator on its own: `python -m squadstack_emulator`."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import get_args

from squadstack_emulator import timestamps
from squadstack_emulator.contact_center.portal import ActivityShape, Portal, PortalCampaign
from squadstack_emulator.emulator import Emulator
from squadstack_emulator.recordings.recording import KINDS, Recordings
from squadstack_emulator.request_log import Post
from squadstack_emulator.scenario import Campaign, EventKind, Scenario, Webhook

_TICK_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; leads that arrive are called after a while and become responses."""
    options = _parser().parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        emulator = Emulator(_scenario(options), host=options.host, port=options.port)
        emulator.start()
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {options.host}:{options.port}: {error.strerror}\n")
        return 1
    _say(_introduction(emulator))
    while not stopping.wait(_TICK_SECONDS):
        _call_waiting_leads(emulator, options.call_after)
    emulator.stop()
    _say(_summary(emulator))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m squadstack_emulator",
        description="A stand-in for the SquadStack and contact-center APIs. It keeps everything in memory.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8899, help="port to listen on; 0 picks a free one")
    parser.add_argument("--token", default=Scenario.token, help="the access token that is good")
    parser.add_argument("--campaign", action="append", help="id of a campaign; may be repeated (default: 0PT711)")
    parser.add_argument("--responses", type=_count, default=1000, help="leads of each campaign processed already")
    parser.add_argument("--unprocessed", type=_count, default=0, help="leads of each campaign still to be called")
    parser.add_argument("--call-after", type=float, default=5.0, help="seconds until a lead that arrives is called")
    parser.add_argument("--calls-per-minute", type=_count, default=100, help="the rate limit; 0 is none")
    parser.add_argument("--page-size-cap", type=_count, default=0, help="most rows a page; 0 is no cap")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each call takes")
    parser.add_argument(
        "--timestamp-unit", choices=("milliseconds", "seconds"), default="milliseconds", help="unit of the filters"
    )
    parser.add_argument("--portal-leads", type=_count, default=0, help="leads of the contact center's campaign")
    parser.add_argument("--portal-activities", type=_count, default=0, help="activities of that campaign")
    parser.add_argument("--portal-queues", type=_count, default=0, help="queues of the contact center")
    parser.add_argument(
        "--activity-shape", choices=get_args(ActivityShape), default="bare", help="how a page of activities comes"
    )
    parser.add_argument(
        "--recording",
        action="append",
        choices=sorted(KINDS),
        help="a kind of recording that leads link to here; may be repeated (default: links to the vendor)",
    )
    parser.add_argument("--webhook-url", help="where events are posted when leads are called")
    parser.add_argument(
        "--webhook-event",
        action="append",
        choices=get_args(EventKind),
        help="a kind of event to post; may be repeated (default: call, judgement and lead_processed)",
    )
    parser.add_argument("--seed", type=int, default=1, help="what names, numbers and outcomes follow from")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _scenario(options: argparse.Namespace) -> Scenario:
    ids: list[str] = list(dict.fromkeys(options.campaign or [Campaign.id]))
    return Scenario(
        token=options.token,
        campaigns=tuple(
            Campaign(each, f"ref-{each}", responses=options.responses, unprocessed=options.unprocessed) for each in ids
        ),
        seed=options.seed,
        calls_per_minute=options.calls_per_minute or None,
        page_size_cap=options.page_size_cap or None,
        latency_seconds=options.latency,
        recordings=Recordings(kinds=tuple(options.recording or ())),
        timestamp_unit=options.timestamp_unit,
        portal=Portal(
            campaigns=(PortalCampaign(leads=options.portal_leads, activities=options.portal_activities),),
            queues=options.portal_queues,
        ),
        activity_shape=options.activity_shape,
        webhook=_webhook(options),
    )


def _webhook(options: argparse.Namespace) -> Webhook | None:
    if not options.webhook_url:
        return None
    return Webhook(options.webhook_url, tuple(options.webhook_event or Webhook.kinds))


def _call_waiting_leads(emulator: Emulator, after_seconds: float) -> None:
    arrived_before = timestamps.utc_now() - timedelta(seconds=after_seconds)
    for campaign in emulator.scenario.campaigns:
        if called := emulator.call_leads(campaign.id, arrived_before=arrived_before):
            _say(f"Leads of {campaign.id} called: {called}.")


def _introduction(emulator: Emulator) -> str:
    scenario = emulator.scenario
    access = {"token": scenario.token, "base_url": emulator.url}
    source: dict[str, object] = {
        "squadstack": {
            **access,
            "campaign_ids": [campaign.id for campaign in scenario.campaigns],
            "start_date": _start(scenario.campaigns),
            "timestamp_unit": scenario.timestamp_unit,
        }
    }
    if scenario.portal.queues or any(each.leads or each.activities for each in scenario.portal.campaigns):
        source["contact_center"] = _contact_center(emulator)
    destination = {
        "squadstack": access,
        "default": {"operation": "upsert", "api": "crm_v2", "ref_id": scenario.campaigns[0].ref_id},
    }
    return (
        f"SquadStack emulator at {emulator.url}\n\n"
        f"Config for source-squadstack:\n{json.dumps(source, indent=2)}\n\n"
        f"Config for destination-squadstack:\n{json.dumps(destination, indent=2)}\n\n"
        "Stop with Ctrl-C."
    )


def _contact_center(emulator: Emulator) -> dict[str, str]:
    portal = emulator.scenario.portal
    return {
        "portal_url": emulator.url,
        "username": portal.username,
        "password": portal.password,
        "domain": portal.domain,
        "account_id": portal.account_id,
        "start_date": _start(portal.campaigns),
    }


def _start(campaigns: Iterable[Campaign | PortalCampaign]) -> str:
    return min(campaign.seed_from for campaign in campaigns).strftime("%Y-%m-%dT%H:%M:%SZ")


def _summary(emulator: Emulator) -> str:
    log = emulator.request_log
    lines = [
        f"{len(log.calls)} calls, {log.throttled} of them throttled; {len(log.applied)} operations applied.",
        *(f"Breaks the documents: {each}" for each in log.violations),
        *_posted(log.posts),
    ]
    return "\n".join(lines)


def _posted(posts: Sequence[Post]) -> list[str]:
    if not posts:
        return []
    taken = {post.event for post in posts if post.status == HTTPStatus.CREATED}
    return [f"{len(taken)} of {len({post.event for post in posts})} events were answered 201, in {len(posts)} posts."]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    # Whoever waits for the URL through a pipe must not wait for a full buffer.
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
