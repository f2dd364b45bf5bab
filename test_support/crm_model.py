"""A model of SquadStack's CRM integration (v2, lists and single leads), written from the vendor's documents alone.

`LeadState` holds the leads and decides what a row does to them; `Server` receives calls in a time that is handed in,
carries them out when their time comes, and has every fault that a network and a server can have. Both note everything:
a check needs nothing else than these notes and what the connector printed.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

Json = dict[str, Any]
Key = tuple[str, str]  # campaign, lead id

THROTTLED = "Request was throttled. Please try after 60 seconds"
# The longest that the API works on a call: the documents name no bound, so these are what the connector must bear.
SLOWEST_CALL = 30.0
SLOWEST_LEAD = 2.0

TROUBLE = "We're facing some technical issues. Please try again in a while."
BUSY = '{"error_type":1,"detail":"Another request for the same lead is getting processed already"}'


@dataclass(frozen=True, slots=True)
class Row:
    """What the API says of one lead."""

    status: int
    data: Any

    @property
    def accepted(self) -> bool:
        """Whether the lead was accepted."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def final(self) -> bool:
        """Whether saying it again would be answered the same."""
        return self.accepted or (self.status in (400, 404, 409) and "getting processed" not in str(self.data))


def refused(status: int, text: str) -> Row:
    """Return a row that refuses a lead: it does not name the lead."""
    return Row(status, {"error_msg": text})


@dataclass(frozen=True, slots=True)
class Applied:
    """One change of one lead."""

    call: int
    row: int
    at: float
    key: Key
    operation: str
    lead: Json


@dataclass(slots=True)
class Lead:
    """A lead as the campaign has it."""

    fields: Json
    state: str = "active"


class LeadState:
    """The leads of all campaigns, and every change in the order in which it was made."""

    def __init__(self) -> None:
        self.leads: dict[Key, Lead] = {}
        self.applied: list[Applied] = []
        self._rules: dict[str, Callable[[Key, Lead | None, Json], Row | None]] = {
            "create": self._create,
            "update": self._update,
            "upsert": self._upsert,
            "convert": self._convert,
            "disable": self._disable,
            "delete": self._delete,
        }

    def carry_out(
        self, operation: str, ref: str, lead: Any, *, call: int = 0, row: int = 0, at: float = 0.0, alone: bool = False
    ) -> Row:
        """Do one operation to one lead, or say why not."""
        if not isinstance(lead, dict) or not lead.get("lead_id"):
            return refused(400, "{'lead_id': 'This field is required.'}")
        key = (ref, lead["lead_id"])
        known = self.leads.get(key)
        # "Required" of every entry in a list; of a lead that is sent alone, "mandatory for the first request".
        if operation == "upsert" and not alone and (missing := _missing(lead, "phone_number", "contact_name")):
            return missing
        refusal = self._rules[operation](key, known, lead)
        if refusal is not None:
            return refusal
        self.applied.append(Applied(call, row, at, key, operation, lead))
        return Row(200, dict(lead))

    def _create(self, key: Key, known: Lead | None, lead: Json) -> Row | None:
        if (missing := _missing(lead, "phone_number", "contact_name")) is not None:
            return missing
        if known is not None and known.state != "deleted":
            return refused(
                409,
                f"Duplicate Lead ID shared: A lead with the given Lead ID: '{key[1]}' is already present in this "
                "campaign, please use a different Lead ID, or reach out to us at support@squadstack.com.",
            )
        self.leads[key] = Lead(dict(lead))
        return None

    def _update(self, key: Key, known: Lead | None, lead: Json) -> Row | None:
        if known is None or known.state == "deleted":
            return _unknown(key)
        if known.state == "converted":
            return _converted(key)
        if (wrong := _wrong_number(lead)) is not None:
            return wrong
        known.fields.update(lead)
        return None

    def _upsert(self, key: Key, known: Lead | None, lead: Json) -> Row | None:
        if known is None or known.state == "deleted":
            return self._create(key, known, lead)
        return self._update(key, known, lead)

    def _convert(self, key: Key, known: Lead | None, lead: Json) -> Row | None:
        if not lead.get("detail"):
            return refused(400, "{'detail': 'This field is required.'}")
        if known is None or known.state == "deleted":
            return _unknown(key)
        if known.state == "converted":
            return refused(400, f'{{"detail":"lead_id:{key[1]} has been marked as converted from our platform."}}')
        known.state = "converted"
        return None

    def _disable(self, key: Key, known: Lead | None, _: Json) -> Row | None:
        if known is None or known.state == "deleted":
            return _unknown(key)
        if known.state == "active":
            known.state = "disabled"
        return None

    def _delete(self, key: Key, known: Lead | None, _: Json) -> Row | None:
        if known is None:
            return _unknown(key)
        if known.state == "deleted":
            return refused(404, f"lead_id:{key[1]} has been deleted from our platform.")
        known.state = "deleted"
        known.fields = {}
        return None


def _missing(lead: Json, *names: str) -> Row | None:
    for name in names:
        if not lead.get(name):
            return refused(400, f"{{'{name}': 'This field is required.'}}")
    return _wrong_number(lead)


def _wrong_number(lead: Json) -> Row | None:
    number = lead.get("phone_number")
    if number is not None and not str(number).isdigit():
        return refused(400, "{'phone_number': 'Invalid value provided.'}")
    return None


def _unknown(key: Key) -> Row:
    return refused(400, f"lead_id:{key[1]} doesn't exist on our platform.")


def _converted(key: Key) -> Row:
    return refused(400, f"We cannot accept this request as the lead_id: {key[1]} has already been marked as converted.")


# What may go wrong with a call. `None` in a weather's `rows` or `calls` is the undisturbed way.
CALL_FAULTS = (
    "throttled",  # 429, not carried out
    "error before",  # 500, not carried out
    "error after",  # 500, carried out
    "half done",  # 500, the first half carried out
    "maintenance",  # 503, not carried out
    "bad gateway",  # 502 in HTML while the call is carried out later
    "too large",  # 413 unless it is one lead alone, not carried out
    "reset before",  # the connection is closed, not carried out
    "reset after",  # the connection is closed, carried out
    "silent",  # never answered, carried out at once
    "silent late",  # never answered, carried out after a while
    "silent lost",  # never answered, never carried out
    "slow",  # answered after minutes, carried out meanwhile
    "cut",  # 200, carried out, the body is cut off
    "html",  # 200, carried out, the body is a page
    "short",  # 200, carried out, a row is missing from the result
)
ROW_FAULTS = (
    "busy",  # 409, another request for the lead is processed
    "row throttled",  # 429 in a row
    "row error",  # 500 in a row, not carried out
    "row error after",  # 500 in a row, carried out
)
NOT_CARRIED_OUT = frozenset(
    {"throttled", "error before", "maintenance", "too large", "reset before", "silent lost", "poisoned"}
)


@dataclass(frozen=True, slots=True)
class Weather:
    """How often which fault meets a call or a row, and how long a call takes."""

    calls: Mapping[str, float] = field(default_factory=dict)
    rows: Mapping[str, float] = field(default_factory=dict)
    latency: tuple[float, float] = (0.1, 0.5)

    @property
    def total(self) -> bool:
        """Whether nothing gets through."""
        return sum(self.calls.values()) >= 1.0 or sum(self.rows.values()) >= 1.0


# What is answered for a call as a whole.
_WHOLE = {
    "error before": (500, TROUBLE),
    "error after": (500, TROUBLE),
    "half done": (500, TROUBLE),
    "maintenance": (503, "<html>maintenance</html>"),
    "bad gateway": (502, "<html>bad gateway</html>"),
    "too large": (413, "<html>too large</html>"),
    "poisoned": (400, '{"error_msg": "Malformed request."}'),
    "html": (200, "<html>one moment</html>"),
}


def _harmless(_: Any) -> None:
    return None


def _pick(chances: Mapping[str, float], chance: float) -> str | None:
    for fault, share in chances.items():
        if chance < share:
            return fault
        chance -= share
    return None


@dataclass(slots=True)
class Exchange:
    """One call: what came, what went wrong, what was done and what was answered."""

    number: int
    at: float
    operation: str
    ref: str
    leads: Sequence[Any]
    fault: str | None
    blamed: str | None  # the fault, if one of the leads is to blame
    row_faults: Sequence[str | None]
    locked: set[Key]
    carried_out_at: float | None
    answered_at: float | None  # None: never
    rows: list[Row | None] = field(default_factory=list)
    done: bool = False
    alone: bool = False  # a lead in place of a list

    @property
    def may_be_applied(self) -> bool:
        """Whether a client that has heard nothing of the rows has to reckon with the call having been carried out."""
        return self.fault not in NOT_CARRIED_OUT


@dataclass(frozen=True, slots=True)
class Response:
    """What goes over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _response_to_lead(rows: Sequence[Row], headers: Mapping[str, str], fault: str | None) -> Response:
    """Return the answer to a lead that was sent alone: its status is the lead's, and so is its body."""
    (row,) = rows
    if fault in {"cut", "short"}:
        return Response(200, headers, b'{"lead_id": "')
    return Response(row.status, headers, orjson.dumps(row.data))


class Server:
    """Receives calls, carries them out in its time, and answers them or does not."""

    def __init__(self, seed: int, *, allowance: int | None = None, retry_after: bool = False) -> None:
        self.state = LeadState()
        self.exchanges: list[Exchange] = []
        self.weather = Weather()
        self.poison: Callable[[Any], str | None] = _harmless
        self._chance = random.Random(seed)
        self._open: list[Exchange] = []
        self._allowance = allowance
        self._retry_after = retry_after

    def receive(self, operation: str, ref: str, body: Any, at: float) -> Exchange:
        """Take a call; `answered_at` of what is returned says when `response` is to be asked."""
        self.advance(at)
        alone = isinstance(body, dict)
        leads: Sequence[Any] = [body] if alone else body
        number = len(self.exchanges)
        fault = _pick(self.weather.calls, self._chance.random())
        blamed = next((found for lead in leads if (found := self.poison(lead)) is not None), None)
        fault = blamed or fault
        if fault == "too large" and len(leads) == 1:
            fault = None  # it is the size of the call that matters
        if self._allowance is not None and self._arrivals_since(at - 60.0) >= self._allowance:
            fault = "throttled"
        row_faults = [_pick(self.weather.rows, self._chance.random()) for _ in leads]
        latency = self._chance.uniform(*self.weather.latency)
        work = latency / 2
        if fault in {"slow", "silent late", "bad gateway"}:
            work = self._chance.uniform(5.0, SLOWEST_CALL + SLOWEST_LEAD * len(leads))
        keys = {(ref, lead["lead_id"]) for lead in leads if isinstance(lead, dict) and lead.get("lead_id")}
        under_way = {key for each in self._open for key in each.locked}
        row_faults = [
            "busy" if isinstance(lead, dict) and (ref, lead.get("lead_id")) in under_way else row_fault
            for lead, row_fault in zip(leads, row_faults, strict=True)
        ]
        answered_at: float | None = at + (work if fault == "slow" else 0.0) + latency
        if fault in {"silent", "silent late", "silent lost"}:
            answered_at = None
        exchange = Exchange(
            number=number,
            at=at,
            operation=operation,
            ref=ref,
            leads=leads,
            fault=fault,
            blamed=blamed,
            row_faults=row_faults,
            locked=set() if fault in NOT_CARRIED_OUT else keys - under_way,
            carried_out_at=None if fault in NOT_CARRIED_OUT else at + work,
            answered_at=answered_at,
            alone=alone,
        )
        self.exchanges.append(exchange)
        if exchange.carried_out_at is not None:
            self._open.append(exchange)
        return exchange

    def advance(self, now: float) -> None:
        """Carry out what is due."""
        due = sorted(
            (each for each in self._open if (each.carried_out_at or 0.0) <= now),
            key=lambda each: each.carried_out_at or 0.0,
        )
        for exchange in due:
            self._open.remove(exchange)
            self._carry_out(exchange)

    @property
    def next_change(self) -> float | None:
        """When the next call is carried out."""
        return min((each.carried_out_at or 0.0 for each in self._open), default=None)

    def _arrivals_since(self, since: float) -> int:
        return sum(each.at > since for each in reversed(self.exchanges[-1000:]))

    def _carry_out(self, exchange: Exchange) -> None:
        half = len(exchange.leads) // 2
        for index, (lead, fault) in enumerate(zip(exchange.leads, exchange.row_faults, strict=True)):
            if exchange.fault == "half done" and index >= half:
                exchange.rows.append(None)
            else:
                exchange.rows.append(self._row(exchange, index, lead, fault))
        exchange.done = True

    def _row(self, exchange: Exchange, index: int, lead: Any, fault: str | None) -> Row:
        if fault == "busy":
            return refused(409, BUSY)
        if fault == "row throttled":
            return refused(429, THROTTLED)
        if fault == "row error":
            return refused(500, TROUBLE)
        row = self.state.carry_out(
            exchange.operation,
            exchange.ref,
            lead,
            call=exchange.number,
            row=index,
            at=exchange.carried_out_at or 0.0,
            alone=exchange.alone,
        )
        return refused(500, TROUBLE) if fault == "row error after" else row

    def response(self, exchange: Exchange) -> Response | None:
        """Return what the server answers, None where it closes the connection without an answer."""
        fault = exchange.fault
        if fault in {"reset before", "reset after"}:
            return None
        if fault == "throttled":
            headers = {"Content-Type": "application/json", **({"Retry-After": "7"} if self._retry_after else {})}
            return Response(429, headers, orjson.dumps({"detail": THROTTLED}))
        if fault in _WHOLE:
            status, text = _WHOLE[fault]
            return Response(status, {"Content-Type": "text/html"}, text.encode())
        as_json = {"Content-Type": "application/json"}
        rows = [row for row in exchange.rows if row is not None]
        if exchange.alone:
            return _response_to_lead(rows, as_json, fault)
        accepted = sum(row.accepted for row in rows)
        result = [{"status_code": row.status, "data": row.data} for row in rows]
        body = orjson.dumps(
            {
                "status": "success" if accepted == len(rows) else "partial_sucess" if accepted else "failure",
                "message": "Bulk operation completed successfully",
                "result": result[:-1] if fault == "short" else result,
                "metadata": {"total_leads": len(rows), "success": accepted, "failed": len(rows) - accepted},
            }
        )
        return Response(200, as_json, body[: len(body) * 2 // 3] if fault == "cut" else body)
