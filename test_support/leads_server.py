"""A stand-in of SquadStack's "Get Leads" (v4), written from the vendor's page, that answers within the process.

It answers `requests` itself: `GET /api/v4/leads/responses/{campaign_id}/` with `processed_after`, `processed_before`
(epoch), `page` and `page_size`, as `{count, next, previous, results}`. What the page leaves open is a field.
"""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.cdk_fast_path.page import Page
from source_squadstack.components.log import warn_once
from source_squadstack.source import SourceSquadstack
from test_support.catalogs import configured

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOGGER = logging.getLogger("airbyte")
Lead = dict[str, Any]


@dataclass
class LeadsServer:
    """The leads of campaigns: (lead id, time processed); `before_answer` may change them before each answer."""

    leads: dict[str, dict[str, datetime | None]] = field(default_factory=dict)
    unit: timedelta = timedelta(milliseconds=1)
    page_cap: int = 1000
    inclusive: bool = True
    order: Callable[[int, list[tuple[str, datetime | None]]], list[tuple[str, datetime | None]]] = lambda _, leads: (
        leads
    )
    before_answer: Callable[["LeadsServer", dict[str, str]], None] = lambda *_: None
    behind: timedelta | None = None
    shown: str = "auto"
    asked: list[dict[str, str]] = field(default_factory=list)

    def install(self, monkeypatch: Any) -> "LeadsServer":
        """Answer all requests of the process."""
        warn_once.cache_clear()
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda _, request, **__: self.answer(request))
        return self

    def answer(self, request: requests.PreparedRequest) -> requests.Response:
        """Answer one request."""
        url = urlsplit(str(request.url))
        matched = re.fullmatch(r"/api/v4/leads/responses/([^/]+)/", url.path)
        assert matched
        asked = {"campaign": matched[1], **{name: values[0] for name, values in parse_qs(url.query).items()}}
        assert set(asked) <= {"campaign", "processed_after", "processed_before", "page", "page_size"}
        self.before_answer(self, asked)
        self.asked.append(asked)
        rows = [lead for lead in self.leads[matched[1]].items() if self._within(lead[1], asked)]
        rows = self.order(len(self.asked), rows)
        size, page = min(int(asked.get("page_size", 100)), self.page_cap), int(asked.get("page", 1))
        results = rows[(page - 1) * size : page * size]
        if page > 1 and not results:
            return self._respond(request, 404, {"detail": "Invalid page."})
        following = f"http://elsewhere/?page={page + 1}" if page * size < len(rows) else None
        shown = [{"lead_id": lead, "campaign_id": matched[1], "processed_at": self._show(at)} for lead, at in results]
        body = {"count": len(rows), "next": following, "previous": None, "results": shown}
        return self._respond(request, 200, body)

    def _within(self, at: datetime | None, asked: dict[str, str]) -> bool:
        after, before = asked.get("processed_after"), asked.get("processed_before")
        if after is None or before is None:
            return True
        if at is None:
            return False
        value = (at - EPOCH) / self.unit
        return int(after) <= value <= int(before) if self.inclusive else int(after) < value < int(before)

    def _show(self, at: datetime | None) -> str | None:
        return None if at is None else at.isoformat(timespec=self.shown)

    def _respond(self, request: requests.PreparedRequest, status: int, body: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, str(request.url)
        response._content = json.dumps(body).encode()  # as `requests-mock` makes one
        if self.behind is not None:
            response.headers["Date"] = format_datetime(datetime.now(UTC) - self.behind, usegmt=True)
        return response


@dataclass(frozen=True)
class Sync:
    """What a sync gave."""

    records: list[Lead]
    state: Any
    error: AirbyteTracedException | None
    log: str


def sync(
    campaigns: list[str],
    stream: str = "lead_responses",
    state: Any = None,
    kind: type[SourceSquadstack] = SourceSquadstack,
    num_workers: int = 1,
    **section: Any,
) -> Sync:
    """Read a stream in this process, record by record as the stock runner does, or in pages by `PagedSource`."""
    config = {
        "squadstack": {
            "token": "t",
            "campaign_ids": campaigns,
            "start_date": "2024-01-01T00:00:00Z",
            "calls_per_minute": 1_000_000,
            "lookback_minutes": 0,
            **section,
        },
        "num_workers": num_workers,
    }
    catalog = ConfiguredAirbyteCatalogSerializer.load(configured(stream, incremental={stream} - {"leads"}))
    source = kind(catalog=catalog, config=config, state=state)
    records, states, log, error = [], [], [], None
    try:
        for message in source.read(LOGGER, config, catalog, state):
            if isinstance(message, Page):
                records += [json.loads(line)["record"]["data"] for line in message.lines.splitlines()]
                continue
            if message.record:
                records.append(dict(message.record.data))
            if message.state:
                states.append(message.state)
            if message.trace and message.trace.error:
                log.append(str(message.trace.error.message))
    except AirbyteTracedException as raised:
        error = raised
    return Sync(records, states[-1:] or state, error, "\n".join(log))
