"""The source: the manifest beside this file, and what a manifest cannot say about a whole run."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    FailureType,
    Status,
    TraceType,
)
from airbyte_cdk.models import Type as MessageType
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomRequester as CustomRequesterModel
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack import components
from source_squadstack.cdk_fast_path.page_queue import read_in_one_thread
from source_squadstack.cdk_fast_path.unvalidated_manifest import without_validation
from source_squadstack.check import check_contact_center, check_squadstack, check_webhooks, warn_of_privacy
from source_squadstack.checkpoints import with_checkpoints
from source_squadstack.components.error_handler import CHECK_SECONDS, CHECK_UNTIL
from source_squadstack.components.recordings import INCLUDE_FILES
from source_squadstack.components.requester import ApiRequester
from source_squadstack.config import problems
from source_squadstack.discovery import as_masked
from source_squadstack.manifest import load_manifest
from squadstack_common.config_sections import filled_in

# The name under which the stock runner injects the components, so that one manifest serves both.
sys.modules["source_declarative_manifest.components"] = components


class SourceSquadstack(ConcurrentDeclarativeSource):
    """`source-squadstack`. Catalog, config and state belong to the constructor: the CDK builds its streams there."""

    def __init__(
        self,
        catalog: ConfiguredAirbyteCatalog | None = None,
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,
    ) -> None:
        manifest = load_manifest()
        schema = manifest["spec"]["connection_specification"]
        self._filled_in = filled_in(config or {}, schema)
        self._built: list[AbstractStream] = []
        self._specification = ConnectorSpecification(
            connectionSpecification=schema, documentationUrl=manifest["spec"]["documentation_url"]
        )
        files = [entry.stream.name for entry in catalog.streams if entry.include_files] if catalog else []
        # The larger part of the manifest; the CDK would look through it for components.
        manifest["spec"]["connection_specification"] = {}
        with without_validation():
            super().__init__(
                catalog=catalog or ConfiguredAirbyteCatalog(streams=[]),
                # The manifest is evaluated with the config at once: a wrong one would end in a Jinja error with it.
                config=None if problems(self._filled_in, schema) else {**self._filled_in, INCLUDE_FILES: files},
                state=state or [],
                source_config=manifest,
            )
        if self._filled_in.get("num_workers") == 1:
            read_in_one_thread(self)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the config to validate and run with: the one given to the constructor, without empty sections."""
        return self._filled_in

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """Return the streams; their schemas say what the section `privacy` does."""
        catalog = super().discover(logger, config)
        for stream in catalog.streams:
            stream.json_schema = as_masked(stream.json_schema, stream.name, self._filled_in)
        return catalog

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:  # noqa: ARG002
        """Return the specification."""
        return self._specification

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        """Return the streams of the configured sections: those that `read` looked at before, or new ones."""
        built, self._built = self._built, []
        return built or super().streams(config)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        """Try every configured section with the requests that `read` makes; say what to fix in a sentence."""
        checking = {**self._filled_in, "__checking": True, CHECK_UNTIL: time.monotonic() + CHECK_SECONDS}
        factory = ModelToComponentFactory()
        factory.set_api_budget(self.resolved_manifest["api_budget"], checking)
        streams = {stream["name"]: stream for group in self.resolved_manifest["streams"] for stream in group["streams"]}

        def requester_of(name: str) -> ApiRequester:
            """Build the requester of a stream, as the CDK builds it for `read`."""
            definition = streams[name]["retriever"]["requester"]
            requester = factory.create_component(CustomRequesterModel, definition, checking, name=name)
            assert isinstance(requester, ApiRequester)  # noqa: S101  # by the manifest
            return requester

        warn_of_privacy(checking.get("privacy") or {}, logger)
        try:
            if "squadstack" in checking:
                check_squadstack(requester_of, checking["squadstack"], logger)
            if "contact_center" in checking:
                check_contact_center(requester_of)
            if "webhooks" in checking:
                check_webhooks(requester_of)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the catalog's streams.

        Raises:
            AirbyteTracedException: at the end, if a stream failed, with the stream's own message and type: the CDK's
                closing error calls an outage a config_error, which stops the platform from trying again.
        """
        self._refuse_unknown_streams(catalog)
        failures: list[Any] = []
        try:
            for message in with_checkpoints(super().read(logger, config, catalog, state)):
                if error := error_of(message):
                    # Every window of a campaign fails with the same words; the platform lists each trace as a reason.
                    if said(error) in map(said, failures):
                        continue
                    failures.append(error)
                yield message
        except AirbyteTracedException as closing:
            if not failures:
                raise
            worst = min(failures, key=lambda error: GRAVITY.index(FailureType(error.failure_type)))
            raise AirbyteTracedException(
                message=worst.message,
                internal_message=closing.message,
                failure_type=FailureType(worst.failure_type),
                stream_descriptor=worst.stream_descriptor,
            ) from closing

    def _refuse_unknown_streams(self, catalog: ConfiguredAirbyteCatalog) -> None:
        """Refuse a catalog's stream that the configuration lacks: the CDK would skip it and end with success."""
        self._built = self.streams(self._filled_in)
        known = {stream.name for stream in self._built}
        unknown = [entry.stream.name for entry in catalog.streams if entry.stream.name not in known]
        if unknown:
            raise AirbyteTracedException(
                message=f"The configuration has no stream {', '.join(unknown)}; "
                f"it has {', '.join(sorted(known)) or 'none'}. Fill in the section "
                "that the stream belongs to, or refresh the connection's schema.",
                failure_type=FailureType.config_error,
            )


def error_of(message: Any) -> Any:
    """Return a message's error trace; `None` of others, and of what the console script has in place of records."""
    trace = message.trace if isinstance(message, AirbyteMessage) and message.type == MessageType.TRACE else None
    return trace.error if trace and trace.type == TraceType.ERROR else None


def said(error: Any) -> tuple[Any, ...]:
    """Return what makes an error trace say something that another has not said yet."""
    return error.message, error.failure_type, error.stream_descriptor and error.stream_descriptor.name


# What the user has to act on first comes first.
GRAVITY = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)
