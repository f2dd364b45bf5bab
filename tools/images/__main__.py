"""Builds the images to be tested, and says on which base: `python -m tools.images`."""

import sys
import time

from tools.images import base, engine
from tools.images.build import TARGETS, build, image_name


def main() -> int:
    """Build every target; return the exit code."""
    try:
        found = engine.find()
        began = time.monotonic()
        on = base.choose(found)
        say(f"Engine: {found.name}. Base: {on}, ready in {time.monotonic() - began:.0f} s.")
        if on.startswith(base.STAND_IN):
            say("A stand-in: what follows proves the Dockerfile and what it installs, not the base of a release.")
        for target in TARGETS:
            began = time.monotonic()
            build(found, target, on)
            say(f"Built {image_name(target)} in {time.monotonic() - began:.0f} s.")
    except engine.EngineError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def say(line: str) -> None:
    """Print a line at once: a build takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
