"""The source by the CDK's own entrypoint: what the console script of this project is compared with."""

import sys

from airbyte_cdk.entrypoint import launch

from source_squadstack.cli import source_of
from source_squadstack.source import SourceSquadstack


def run() -> None:
    """Run the command of the command line."""
    launch(source_of(sys.argv[1:], SourceSquadstack), sys.argv[1:])
