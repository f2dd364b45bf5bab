"""What the emulator is to be: its campaigns, its limits, its open points and its faults, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from squadstack_emulator.contact_center.portal import ActivityShape, LastKey, LateFacts, Portal
from squadstack_emulator.faults.fault import Fault
from squadstack_emulator.recordings.recording import Recordings

ThrottleAnswer = Literal["documented", "retry_after", "bare"]
TimestampUnit = Literal["milliseconds", "seconds"]
Order = Literal["processed_at", "lead_id", "shuffled", "reshuffled"]
TimeStyle = Literal["iso", "iso_fraction", "epoch_milliseconds", "epoch_seconds"]
Api = Literal["squadstack", "portal", "recordings"]
RefusedListApplies = Literal["nothing", "before", "others"]
AddLeadMethod = Literal["PUT", "POST"]
EventKind = Literal["call", "judgement", "lead_processed", "sms", "whatsapp", "ivr", "email"]


@dataclass(frozen=True)
class Campaign:
    """A campaign and what is in it at the start.

    Attributes:
        id: The campaign id of the v4 paths.
        ref_id: The reference id of the CRM v2 paths of the same campaign.
        responses: Leads that have been processed already, spread evenly over [`seed_from`, `seed_to`).
        seed_from: Time at which the first seeded lead was processed.
        seed_to: Time before which the last seeded lead was processed.
        unprocessed: Seeded leads that have not been called yet.
        name: The campaign's name, which v1 shows and makes keys of.
    """

    id: str = "0PT711"
    ref_id: str = "ref-0PT711"
    responses: int = 0
    seed_from: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    seed_to: datetime = datetime(2024, 3, 1, tzinfo=UTC)
    unprocessed: int = 0
    name: str = "Loan Enquiry"

    def __post_init__(self) -> None:
        if self.responses < 0 or self.unprocessed < 0:
            raise ValueError("A campaign cannot hold fewer than 0 leads")
        if self.seed_from >= self.seed_to:
            raise ValueError("A campaign's seed_from must lie before its seed_to")


@dataclass(frozen=True)
class Webhook:
    """Where the business wants its events posted, and how the sender goes about it.

    Attributes:
        url: Where to.
        kinds: Which events. `lead_processed` is the v4 page's webhook; `call` and `judgement` are shown on the bulk
            page, which only names the others.
        attempts: How often an event is posted at most, until it is answered 201; the pages say nothing of repeats.
        first_wait_seconds: How long after a failed attempt it is repeated; twice as long after each further one.
        repeat_every: Every nth event is posted once more although it was answered 201, as by a sender that lost the
            answer; 0 is none.
        connections: Posts under way at once; those of one lead come in order.
        timeout_seconds: How long an answer is waited for.
    """

    url: str
    kinds: tuple[EventKind, ...] = ("call", "judgement", "lead_processed")
    attempts: int = 10
    first_wait_seconds: float = 0.1
    repeat_every: int = 0
    connections: int = 4
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("A webhook's url must begin with http:// or https://")
        if self.attempts < 1 or self.connections < 1 or self.repeat_every < 0:
            raise ValueError("A webhook needs attempts and connections >= 1 and repeat_every >= 0")


@dataclass(frozen=True)
class Scenario:
    """How the emulator behaves. Where the documents leave a point open, a field here takes every side of it.

    Attributes:
        token: The one access token that is good.
        campaigns: The campaigns of the business; all others are unknown.
        seed: Everything that looks like chance (outcomes, names, shuffles) follows from it.
        calls_per_minute: Calls admitted in any `window_seconds`, over all SquadStack endpoints; None is no limit. The
            contact center has no limit.
        window_seconds: Length of the moving window of the rate limit, in seconds.
        throttle_answer: A 429 with the documented text, with a Retry-After header instead, or with neither.
        page_size_cap: The server silently gives no more rows a page than this; None is no cap.
        next_scheme: Scheme of the `next` and `previous` links.
        timestamp_unit: Unit of `processed_after` and `processed_before`.
        after_inclusive: Whether a lead processed exactly at `processed_after` is returned.
        before_inclusive: Whether a lead processed exactly at `processed_before` is returned.
        order: Order of the rows; `shuffled` is one fixed random order, `reshuffled` another one at every call.
        time_style: Spelling of the times in the rows of v4; those of v1 are epoch milliseconds. All but `iso_fraction`
            show less than the server knows: times are kept, and filtered, to the microsecond.
        latency_seconds: Time between the arrival of a call and its being served.
        faults: What goes wrong; of several that are due at one call, the first strikes.
        drift_leads_per_page: After a page of a filtered read that has a next page, so many leads of that page are
            processed again "now", so that they leave the window and later rows move up.
        drift_pages: How many pages drift; then the window stands still.
        busy_leads: How many times a lead answers the busy 409 before an operation on it is accepted.
        disabled_endpoints: CRM v2 endpoints that are not enabled in the integration, like "lead-upserted".
        forbidden: The token is good but lacks the permission: every call is a 403.
        reactivates: The integration re-activates judged leads: create, update and upsert of a processed lead put it
            back into calling, and of an active one answer "Unjudged leads cannot be re-activated".
        refused_list_applies: What is done of a v4 or v1 list that is refused for one of its leads: nothing, the leads
            before that one, or all others.
        portal: The contact center, at the same address. `latency_seconds`, `faults` and `order` hold for it as well; a
            key names a row, so "reshuffled" is "shuffled" there, and "lead_id" of activities the number of the lead.
        portal_token_uses: After so many calls an access token is dead; None is never. 0 refuses fresh tokens too.
        portal_page_cap: The contact center silently gives no more leads a page than this; None is no cap.
        portal_last_key: What `next_start_key` of a body is on the last page.
        portal_repeats_key: Every page names itself as the next one, and a client that follows its key never ends.
        activity_shape: How a page of activities comes: the documented bare array, which has no place for a next key, so
            that the rows beyond the page are not to be had; an object with the rows in `data` or `cdrs` and the key
            in `next_start_key`; or a bare array with the key in a header of that name, which the last page lacks
            (but for a `portal_last_key` of "empty").
        activity_cap: No more activities a page than this, whatever was asked for; None is no cap.
        activity_ignores_start_key: The portal takes no notice of `startKey`: every page is the first.
        activity_inclusive: Whether activities of exactly `startDate` and exactly `endDate` are returned.
        activity_late: How late activities, and the agents' words on them, appear, by the emulator's clock; None shows
            all at once, those to come too, and has no such words.
        add_lead_method: The method by which the contact center takes a new lead: the page's or that of public clients.
            The other one is a 405.
        webhook: Where events are posted when leads are called; None is nowhere.
        recordings: What lies behind links to recordings, at the same address.
        portal_unknown_cdrs: Calls that the contact center does not know; it knows all others.
    """

    token: str = "emulator-token"  # noqa: S105 - a token of the emulator only, documented for its users
    campaigns: tuple[Campaign, ...] = (Campaign(),)
    seed: int = 1
    calls_per_minute: int | None = 100
    window_seconds: float = 60.0
    throttle_answer: ThrottleAnswer = "documented"
    page_size_cap: int | None = None
    next_scheme: str = "http"
    timestamp_unit: TimestampUnit = "milliseconds"
    after_inclusive: bool = True
    before_inclusive: bool = True
    order: Order = "processed_at"
    time_style: TimeStyle = "iso"
    latency_seconds: float = 0.0
    faults: tuple[Fault, ...] = ()
    drift_leads_per_page: int = 0
    drift_pages: int = 0
    busy_leads: Mapping[str, int] = field(default_factory=dict)
    disabled_endpoints: frozenset[str] = frozenset()
    forbidden: bool = False
    reactivates: bool = False
    refused_list_applies: RefusedListApplies = "nothing"
    portal: Portal = field(default_factory=Portal)
    portal_token_uses: int | None = None
    portal_page_cap: int | None = None
    portal_last_key: LastKey = "absent"
    portal_repeats_key: bool = False
    activity_shape: ActivityShape = "bare"
    activity_cap: int | None = None
    activity_ignores_start_key: bool = False
    activity_inclusive: bool = True
    activity_late: LateFacts | None = None
    add_lead_method: AddLeadMethod = "PUT"
    portal_unknown_cdrs: frozenset[str] = frozenset()
    webhook: Webhook | None = None
    recordings: Recordings = field(default_factory=Recordings)

    def __post_init__(self) -> None:
        for names in ([each.id for each in self.campaigns], [each.ref_id for each in self.campaigns]):
            if len(set(names)) < len(names):
                raise ValueError("Campaign ids and ref ids must be unique within a scenario")
        for name in ("page_size_cap", "portal_page_cap", "activity_cap"):
            cap = getattr(self, name)
            if cap is not None and cap < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.portal_token_uses is not None and self.portal_token_uses < 0:
            raise ValueError("portal_token_uses must not be negative")
