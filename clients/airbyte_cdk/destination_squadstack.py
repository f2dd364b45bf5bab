"""What `airbyte-cdk connector test` imports for destination-squadstack."""

from stand_in import StandIn


class DestinationSquadstack(StandIn):
    """The destination."""

    script = "destination-squadstack"
