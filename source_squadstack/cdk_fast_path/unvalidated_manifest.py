"""The building of a source from a manifest that is known to be valid."""

from contextlib import AbstractContextManager

from source_squadstack.cdk_fast_path.replaced_names import replaced


def without_validation() -> AbstractContextManager[None]:
    """Let the CDK hold a source's manifest to an empty schema, in place of its own of 5,000 lines.

    A test holds the manifest to the CDK's. To read that schema and to validate took 3.7 MB and some 0.06 s.
    """
    return replaced(
        "airbyte_cdk.sources.declarative.concurrent_declarative_source", "get_declarative_component_schema", dict
    )
