"""What the process that is forked holds: the connectors' modules, imported once and not by each run."""

import importlib
import importlib.metadata
import io
import sys
from collections.abc import Callable
from typing import Any

import requests

from source_squadstack.cdk_fast_path.light_import import light_import
from test_support.clock import make_replaceable

make_replaceable()
# Where answers are slow, the source sends requests ahead: which calls a test counts would depend on the machine's load.
requests.sessions.preferred_clock = float


class _Pipe(io.FileIO):
    """What a forked process prints to: a pipe, whatever it is while modules are imported."""

    def seekable(self) -> bool:
        """Tell that it is none to seek in."""
        return False


# Made before the modules are imported whose loggers keep it: all that a process prints goes through one buffer.
sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Pipe(1, "w", closefd=False)), encoding="utf-8")
sys.stderr = io.TextIOWrapper(
    io.BufferedWriter(_Pipe(2, "w", closefd=False)), encoding="utf-8", errors="backslashreplace", line_buffering=True
)
_MODULES = (
    "source_squadstack.cli",
    "destination_squadstack.commands",
    "airbyte_cdk.cli.source_declarative_manifest",
)
with light_import():
    for _name in _MODULES:
        importlib.import_module(_name)

_SCRIPTS = {entry.name: entry for entry in importlib.metadata.entry_points(group="console_scripts")}


def main_of(script: str) -> Callable[[], Any]:
    """Return what a console script of this environment runs, or what `module:function` names."""
    name = script if ":" in script else _SCRIPTS[script].value
    module, _, function = name.partition(":")
    main: Callable[[], Any] = getattr(importlib.import_module(module), function)
    return main
