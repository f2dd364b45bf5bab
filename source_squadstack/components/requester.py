"""The requester of all streams."""

import functools
import re
from collections.abc import Callable, Mapping, MutableMapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.request_options import InterpolatedRequestOptionsProvider
from airbyte_cdk.sources.streams.call_rate import APIBudget

from source_squadstack.cdk_fast_path.first_attempt import FirstAttempt
from source_squadstack.cdk_fast_path.http_session import session_of
from source_squadstack.cdk_fast_path.literal_evaluation import evaluate_one_literal_at_a_time
from source_squadstack.components.call_budget import LoggedBudget
from source_squadstack.components.connection_errors import environment_error
from source_squadstack.components.connections import limit_answers
from source_squadstack.components.error_handler import ApiErrorHandler
from source_squadstack.components.request_slots import Result, request_slots

evaluate_one_literal_at_a_time()


@dataclass
class ApiRequester(HttpRequester):
    """The CDK's requester that follows no redirect, lest the token go where nobody said, and says when it waits."""

    api_budget: APIBudget | None = None
    request_parameters: Mapping[str, str] | None = None
    request_headers: Mapping[str, str] | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        # The CDK's factory builds this from these keys for its own requester only.
        self.request_options_provider = InterpolatedRequestOptionsProvider(
            config=self.config,
            parameters=parameters,
            request_parameters=self.request_parameters,
            request_headers=self.request_headers,
        )
        if self.api_budget is not None:
            self.api_budget = LoggedBudget(self.api_budget)
        super().__post_init__(parameters)
        self._connections = limit_answers(session_of(self))
        self._connections.max_redirects = 0
        self._first_attempt = FirstAttempt(self)
        self.slots = request_slots(int(self.config.get("num_workers", 10)))
        self._evaluated: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._templates = {
            "url": str(self.url),
            "parameters": str(self.request_parameters),
            "headers": str(self.request_headers),
        }

    def send_request(self, *given: Any, **context: Any) -> requests.Response | None:
        """Send a request, once its error handler knows to which address, and has nothing against it.

        It waits until fewer than `num_workers` are under way: the pool has a thread more than one worker.
        """
        with self.slots.one():
            url = self.get_url(**{name: context.get(name) for name in OF_A_TEMPLATE})
            self._remember_environment(url)
            if isinstance(self.error_handler, ApiErrorHandler):
                self.error_handler.begin(url)
            try:
                send_by_cdk = functools.partial(super().send_request, *given, **context)
                parameters = None if given else self._parameters_alone(context)
                if parameters is None:
                    return send_by_cdk()
                return self._first_attempt.send(url, parameters, send_by_cdk)
            except OSError as error:
                if isinstance(error, requests.RequestException):
                    raise
                raise environment_error() from None  # requests looks for the file before it sends anything

    def send_ahead(self, send: Callable[[], Result]) -> Future[Result] | None:
        """Let a thread send a request ahead of its turn; returns `None` where it would only have to wait.

        That is while the allowance is used up, by this sync or by others who share it.
        """
        budget, handler = self.api_budget, self.error_handler
        if isinstance(budget, LoggedBudget) and budget.is_used_up:
            return None
        if isinstance(handler, ApiErrorHandler) and handler.is_throttled:
            return None
        return self.slots.send_ahead(send)

    def _parameters_alone(self, context: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the parameters of a request that has nothing else of its own; `None` where it has more."""
        of_page = context.get("request_params") or {}
        if self.request_headers or any(map(context.get, MORE_THAN_PARAMETERS)):
            return None
        of_slice = self.get_request_params(**{name: context.get(name) for name in OF_A_TEMPLATE})
        return None if of_slice.keys() & of_page.keys() else {**of_slice, **of_page}

    def get_url(self, **context: Any) -> str:
        """Return the address."""
        return str(self._evaluate_once("url", super().get_url, context))

    def get_request_params(self, **context: Any) -> MutableMapping[str, Any]:
        """Return the manifest's parameters, or those that the slice brings along."""
        stream_slice = context.get("stream_slice")
        if stream_slice is not None and REQUEST_PARAMETERS in stream_slice.extra_fields:
            return dict(stream_slice.extra_fields[REQUEST_PARAMETERS])
        return dict(self._evaluate_once("parameters", super().get_request_params, context))

    def get_request_headers(self, **context: Any) -> Mapping[str, Any]:
        """Return the manifest's headers."""
        return dict(self._evaluate_once("headers", super().get_request_headers, context))

    def _evaluate_once(self, name: str, evaluate: Callable[..., Any], context: Mapping[str, Any]) -> Any:
        """Evaluate templates once for each campaign, or each slice: for each page it took a third of a call's time."""
        stream_slice, templates = context.get("stream_slice"), self._templates[name]
        if stream_slice is None or "next_page_token" in templates:
            return evaluate(**context)
        part = stream_slice if OF_A_SLICE.search(templates) else stream_slice.partition
        # By identity, because a slice's hash is that of its JSON; the part is kept, so that no other gets its id.
        key = (name, id(part))
        found = self._evaluated.get(key)
        if found is None:
            if len(self._evaluated) >= MAX_EVALUATED:
                self._evaluated.clear()
            found = self._evaluated[key] = (part, evaluate(**context))
        return found[1]

    def _remember_environment(self, url: str) -> None:
        """Ask the environment for proxies and certificates once: requests would look through it at each call."""
        session = self._connections
        if session.trust_env:
            found = session.merge_environment_settings(url, {}, None, None, None)
            session.proxies, session.verify = found["proxies"], found["verify"]
            session.trust_env = False


MAX_EVALUATED = 1_000
OF_A_TEMPLATE = ("stream_state", "stream_slice", "next_page_token")
MORE_THAN_PARAMETERS = ("path", "request_headers", "request_body_data", "request_body_json", "log_formatter")
# Names of a template whose value is not that of the whole campaign.
OF_A_SLICE = re.compile(r"stream_(?!partition\b)|\b(?:now_|today_)")
REQUEST_PARAMETERS = "request_parameters"
