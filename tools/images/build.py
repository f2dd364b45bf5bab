"""Builds one target of the Dockerfile, from this checkout, on a given base."""

import subprocess
import tempfile
from pathlib import Path

from tools.images.base import DOCKERFILE
from tools.images.engine import Engine, EngineError
from tools.images.pip_access import secrets

CONNECTORS = ("source", "destination")
TARGETS = (*CONNECTORS, "webhooks")


def image_name(target: str) -> str:
    """Return the name that a target is tested under: no registry has it, and no release is called so."""
    return f"localhost/squadstack/{target}-squadstack:image-test"


def build(engine: Engine, target: str, base: str) -> None:
    """Build a target; the layers of the last build are used again.

    Raises:
        EngineError: the build failed; the text ends with its last lines.
    """
    with tempfile.TemporaryDirectory() as directory:
        options = ["--network", "host", "--build-arg", f"BASE={base}", *secrets(Path(directory))]
        named = ["--target", target, "--tag", image_name(target), str(DOCKERFILE.parent)]
        done = subprocess.run(  # noqa: S603  # the engine that was found
            engine.command("build", *options, *named),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise EngineError(f"{target} cannot be built:\n" + "\n".join(done.stdout.splitlines()[-30:]))
