"""The status page: how many events arrived, of which types, when the last one, and how far consumers have read.

It holds no lead, no script, and nothing from elsewhere: it is as safe to show as the counters.
"""

import base64
import hashlib
from html import escape
from pathlib import Path

from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.events import EVENT_TYPES, spelled
from webhooks_squadstack.store import Summary
from webhooks_squadstack.tables import MINUTE

REFRESH_SECONDS = 10
_CSS = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_CSS_HASH = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_CSS_HASH}'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_MINUTES = 60
_HEIGHT = 100
_SECOND = 1_000_000
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def render(summary: Summary | None, *, now: int) -> str:
    """Return the page; without a summary it says that the store does not respond.

    Args:
        summary: What the store says.
        now: Microseconds since 1970.
    """
    body = "<p><b>The store does not answer.</b> Webhooks are answered with 503, so that they are sent again.</p>"
    if summary is not None:
        body = "\n".join((_tiles(summary, now), _chart(summary, now), _types(summary, now), _consumers(summary, now)))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<title>SquadStack webhooks</title>
<style>{_CSS}</style>
</head>
<body>
<h1>SquadStack webhooks</h1>
<p class="quiet">As of {spelled(now // _SECOND * _SECOND)}; read anew every {REFRESH_SECONDS} seconds.</p>
{body}
</body>
</html>
"""


def _tiles(summary: Summary, now: int) -> str:
    this_hour = sum(_last_hour(summary, now))
    last = summary.last_received_at
    tiles = {
        "events stored ever": f"{summary.last_sequence:,}",
        "in the last hour": f"{this_hour:,}",
        "since the last one": "none yet" if last is None else _ago(now - last),
    }
    cells = "".join(f'<div class="tile"><b>{value}</b>{name}</div>' for name, value in tiles.items())
    return f'<div class="tiles">{cells}</div>'


def _chart(summary: Summary, now: int) -> str:
    counts = _last_hour(summary, now)
    peak = max(counts)
    first = now // MINUTE * MINUTE - (_MINUTES - 1) * MINUTE
    bars = "".join(
        f'<rect x="{place + 0.1}" y="{_HEIGHT - height:.2f}" width="0.8" height="{height:.2f}">'
        f"<title>{_clock(first + place * MINUTE)}: {count:,}</title></rect>"
        for place, count in enumerate(counts)
        if (height := count * _HEIGHT / max(peak, 1))
    )
    return f"""<h2>Events per minute</h2>
<p class="quiet">At most {peak:,}.</p>
<svg viewBox="0 0 {_MINUTES} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Events per minute">
{bars}
</svg>
<div class="axis"><span>{_clock(first)} UTC</span><span>{_clock(now)} UTC</span></div>"""


def _types(summary: Summary, now: int) -> str:
    def count(event_type: str, since: int) -> int:
        return sum(
            events for (minute, kind), events in summary.minutes.items() if kind == event_type and minute > since
        )

    rows = "".join(
        f'<tr><td>{event_type}</td><td class="number">{count(event_type, now - _MINUTES * MINUTE):,}</td>'
        f'<td class="number">{count(event_type, 0):,}</td></tr>'
        for event_type in EVENT_TYPES
    )
    return f"""<h2>By type</h2>
<table><tr><th>Type</th><th class="number">Last hour</th><th class="number">Last 24 hours</th></tr>{rows}</table>"""


def _consumers(summary: Summary, now: int) -> str:
    if not summary.consumers:
        return '<h2>Pulled by</h2>\n<p class="quiet">Nobody has pulled yet.</p>'
    rows = "".join(_consumer(consumer, summary.last_sequence, now) for consumer in summary.consumers)
    heads = "".join(
        f'<th class="number">{head}</th>' for head in ("Has pulled to", "Still to pull", "Safe up to", "Asked last")
    )
    return f"<h2>Pulled by</h2>\n<table><tr><th>Who</th>{heads}</tr>{rows}</table>"


def _consumer(consumer: Consumer, last_sequence: int, now: int) -> str:
    return (
        f'<tr><td>{escape(consumer.name)}</td><td class="number">{consumer.position:,}</td>'
        f'<td class="number">{last_sequence - consumer.position:,}</td>'
        f'<td class="number">{consumer.confirmed:,}</td>'
        f'<td class="number">{_ago(now - consumer.pulled_at)} ago</td></tr>'
    )


def _last_hour(summary: Summary, now: int) -> list[int]:
    """Return the events of each of the last 60 minutes, the present one last."""
    counts = [0] * _MINUTES
    for (minute, _), events in summary.minutes.items():
        back = (now // MINUTE * MINUTE - minute) // MINUTE
        if 0 <= back < _MINUTES:
            counts[-1 - back] += events
    return counts


def _ago(microseconds: int) -> str:
    seconds = max(microseconds, 0) // _SECOND
    name, size = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    count = seconds // size
    return f"{count} {name}{'' if count == 1 else 's'}"


def _clock(moment: int) -> str:
    return (spelled(moment) or "")[11:16]
