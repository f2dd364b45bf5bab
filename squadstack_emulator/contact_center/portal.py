"""What a contact-center portal (page Campaigns) is to be: its login, its campaigns and its queues, as frozen values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

LastKey = Literal["absent", "null", "empty"]
ActivityShape = Literal["bare", "envelope_data", "envelope_cdrs", "header"]


@dataclass(frozen=True)
class PortalCampaign:
    """A campaign of the contact center and what is in it at the start.

    Attributes:
        id: The campaign's id.
        name: Its name, by which activities call it.
        leads: Its leads.
        activities: Its activities, spread evenly over [`seed_from`, `seed_to`); of any five, two share their second.
        seed_from: Time of the first activity, and before which no lead was created.
        seed_to: Time before which the last activity lies and the last lead was created.
        status: What the status report says of it.
    """

    id: str = "210ea5d942f41744f1ef37e84a4965e0"
    name: str = "campaign_1"
    leads: int = 0
    activities: int = 0
    seed_from: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    seed_to: datetime = datetime(2024, 3, 1, tzinfo=UTC)
    status: str = "stopped"

    def __post_init__(self) -> None:
        if self.leads < 0 or self.activities < 0:
            raise ValueError("A campaign of the portal cannot hold fewer than 0 leads or activities")
        if self.seed_from >= self.seed_to:
            raise ValueError("A campaign's seed_from must lie before its seed_to")


@dataclass(frozen=True)
class LateFacts:
    """How long after an activity its facts come; how long in the single case looks like chance.

    Attributes:
        rows_minutes: It is not shown before so many minutes at most have passed since its `timestamp`: when it is over.
        dispositions_minutes: Its `agent_disposition` and `follow_up_notes` are null until so many minutes at most have
            passed since its `timestamp`: what the agent writes after the call. Public clients know these two fields.
    """

    rows_minutes: int = 0
    dispositions_minutes: int = 0

    def __post_init__(self) -> None:
        if self.rows_minutes < 0 or self.dispositions_minutes < 0:
            raise ValueError("Facts cannot come before their activity")


@dataclass(frozen=True)
class Portal:
    """The contact center of one tenant.

    Attributes:
        username: The one user who may log in.
        password: The user's password.
        domain: The user's tenant.
        account_id: The one account whose `X-Account-ID` is good.
        campaigns: The account's campaigns; all others are unknown.
        queues: How many queues it has.
    """

    username: str = "emulator-user"
    password: str = "emulator-password"  # noqa: S105 - a password of the emulator only, documented for its users
    domain: str = "emulator-tenant"
    account_id: str = "emulator-account"
    campaigns: tuple[PortalCampaign, ...] = (PortalCampaign(),)
    queues: int = 0

    def __post_init__(self) -> None:
        if len({each.id for each in self.campaigns}) < len(self.campaigns):
            raise ValueError("Campaign ids must be unique within a portal")
        if self.queues < 0:
            raise ValueError("A portal cannot have fewer than 0 queues")
