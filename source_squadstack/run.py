"""The console script `source-squadstack`: spec, check, discover, read."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConnectorSpecification, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.config import problems
from source_squadstack.source import SourceSquadstack


class Entrypoint(AirbyteEntrypoint):
    """The CDK's commands; a wrong config is described field by field, where the CDK prints the wrong value."""

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Raise a config_error that names every wrong field."""
        found = problems(config, source_spec.connectionSpecification)
        if found:
            raise AirbyteTracedException(message=" ".join(found), failure_type=FailureType.config_error)


def source_of(arguments: Sequence[str]) -> SourceSquadstack:
    """Build the source from the files that the command line names."""
    config = Entrypoint.extract_config(list(arguments))
    catalog = Entrypoint.extract_catalog(list(arguments))
    state = Entrypoint.extract_state(list(arguments))
    return SourceSquadstack(
        config=SourceSquadstack.read_config(config) if config else None,
        catalog=SourceSquadstack.read_catalog(catalog) if catalog else None,
        state=SourceSquadstack.read_state(state) if state else None,
    )


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command; its messages go to stdout, a line each."""
    arguments = sys.argv[1:] if arguments is None else arguments
    entrypoint = Entrypoint(source_of(arguments))
    for message in entrypoint.run(entrypoint.parse_args(list(arguments))):
        sys.stdout.write(f"{message}\n")
        # On a pipe a state would else lie in the buffer while the source waits for its next call.
        if not message.startswith('{"type":"RECORD"'):
            sys.stdout.flush()
    sys.stdout.flush()


if __name__ == "__main__":
    run()
