"""What `airbyte-cdk connector test` imports for source-squadstack."""

from stand_in import StandIn


class SourceSquadstack(StandIn):
    """The source."""

    script = "source-squadstack"
