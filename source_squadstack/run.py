"""The console script `source-squadstack`: spec, check, discover, read.

Importing the CDK takes a second. What can be answered without it is: `spec`, and a `check` of a config that is wrong.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command; its messages go to stdout, a line each."""
    # The first process of a container gets no SIGTERM that it does not ask for: it would run on until it is killed.
    # Not sys.exit(): that waits for threads that may wait for the API.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        answer = answer_at_once(arguments)
        if answer is None:
            run_by_cdk(arguments)
        else:
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has gone: there is nobody left to tell, neither about what threads still wait for, nor that.
        os._exit(1)


def answer_at_once(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the answer to a command that needs no CDK, `None` for any other."""
    match list(arguments):
        case ["spec"]:
            return {"type": "SPEC", "spec": specification()}
        case ["check", "--config", path]:
            return refusal(path)
    return None


def specification() -> dict[str, Any]:
    """Return the manifest's specification, in the protocol's names."""
    from source_squadstack.manifest import load_manifest  # noqa: PLC0415

    spec = load_manifest()["spec"]
    return {
        "connectionSpecification": spec["connection_specification"],
        "documentationUrl": spec["documentation_url"],
        "supportsNormalization": False,
        "supportsDBT": False,
    }


def refusal(path: str) -> dict[str, Any] | None:
    """Return the status of a config that is wrong by itself; `None` where the API has to be asked."""
    from source_squadstack.config import problems  # noqa: PLC0415
    from squadstack_common.config_sections import filled_in  # noqa: PLC0415

    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    schema = specification()["connectionSpecification"]
    found = problems(filled_in(config, schema), schema)
    if not found:
        return None
    return {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": " ".join(found)}}


def run_by_cdk(arguments: Sequence[str]) -> None:
    """Run a command that needs the CDK."""
    from source_squadstack.cdk_fast_path.light_import import light_import  # noqa: PLC0415
    from source_squadstack.process_tuning import share_free_memory, without_garbage_collection  # noqa: PLC0415

    with light_import(), without_garbage_collection():
        from source_squadstack.cli import run as run_command  # noqa: PLC0415
    share_free_memory()
    run_command(arguments)


if __name__ == "__main__":
    run()
