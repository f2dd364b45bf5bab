"""Names of modules with another value for a while."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MISSING = object()


@contextmanager
def replaced(module: str, name: str, value: Any) -> Iterator[None]:
    """Give a module another value for a name, as long as it is needed."""
    names = vars(importlib.import_module(module))
    given = names.get(name, MISSING)
    names[name] = value
    try:
        yield
    finally:
        if given is MISSING:
            del names[name]
        else:
            names[name] = given
