"""The import of the CDK, without what it reads, builds and imports for nothing.

A `read` of a quiet campaign takes half the CPU time of one whose CDK imports itself, and 56 MB where that takes 86.
What a line gains stands beside it: CPU time of what is not run, and how much more memory a sync takes without it.
"""

import functools
import importlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.abc import MetaPathFinder

from source_squadstack.cdk_fast_path.deferred_models import deferred_models
from source_squadstack.cdk_fast_path.deferred_modules import DeferredModules, UnusedModules
from source_squadstack.cdk_fast_path.replaced_names import replaced

# Modules that run when a name of theirs is asked for, which for most is never. What else is named beside one has those
# of its names that every sync asks for.
DEFERRED = {
    "airbyte_cdk": None,  # 1.0 MB: its `__init__` imports what destinations and older sources are made of
    "asyncio": "asyncio.coroutines",  # 18 ms, 1.6 MB: a decorator asks whether a function is a coroutine
    "charset_normalizer": "charset_normalizer.version",  # 16 ms, 3.0 MB: requests asks for its version
    "pydantic": None,  # 22 ms, 3.4 MB: the CDK's models are those of `pydantic.v1`
}
# Libraries of which the CDK takes names while it is imported, for what no component of the manifest does.
# 50 ms and 8.8 MB for the first two, which sign tokens; 50 ms and 10.3 MB for the cache of answers.
UNUSED = ("cryptography", "jwt", "requests_cache")
# Without the CDK's `__init__` its modules find each other if this one comes first; other ways end in a circle.
FIRST = "airbyte_cdk.sources.declarative.concurrent_declarative_source"


@contextmanager
def light_import() -> Iterator[None]:
    """Leave out, while the CDK is imported, what nobody uses. Where it has been imported already, nothing changes."""
    if FIRST in sys.modules:
        yield
        return
    with ExitStack() as stack:
        unused = UnusedModules(UNUSED)
        stack.callback(unused.forget)
        stack.enter_context(found_by(unused))
        stack.enter_context(found_by(DeferredModules(DEFERRED)))
        # The library that writes the protocol's messages reads the source of each of their classes for comments that
        # only a JSON schema would repeat: 0.5 s, 4.9 MB.
        stack.enter_context(replaced("attributes_doc", "get_attributes_doc", lambda _: {}))
        # Eight serializers, of which a command uses three: 40 ms for all.
        lazy = importlib.import_module("source_squadstack.cdk_fast_path.lazy_serializer").LazySerializer
        stack.enter_context(replaced("serpyco_rs", "Serializer", lazy))
        stack.enter_context(deferred_models())  # 30 ms
        # A thousand annotations are the same few hundred texts: 35 ms.
        stack.enter_context(replaced("typing", "compile", functools.cache(compile)))
        # The validators of a thousand fields are the same few functions, looked at for the names of their parameters.
        validators = importlib.import_module("pydantic.v1.class_validators")
        once = functools.cache(validators.make_generic_validator)
        stack.enter_context(replaced("pydantic.v1.class_validators", "make_generic_validator", once))
        # The signature of a model is for editors.
        stack.enter_context(replaced("pydantic.v1.main", "generate_model_signature", lambda *_: None))
        importlib.import_module(FIRST)
        yield


@contextmanager
def found_by(finder: MetaPathFinder) -> Iterator[None]:
    """Let a finder be asked first for modules that are not imported yet."""
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
