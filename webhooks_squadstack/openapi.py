"""The service's OpenAPI document, which `GET /openapi.json` answers: what senders and consumers may rely on."""

from typing import Any

from webhooks_squadstack.body import MAX_DEPTH, TEXT_KEY
from webhooks_squadstack.events import EVENT_TYPES

MAX_BYTES = 1024 * 1024
MAX_LIMIT = DEFAULT_LIMIT = 1000
CONFIRMED = "Confirmed-Sequence"
LARGEST_SEQUENCE = 2**63 - 1
CONSUMER_PATTERN = "[A-Za-z0-9._-]{1,64}"
DEFAULT_CONSUMER = "default"


def _answer(description: str, schema: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _text(description: str, media_type: str) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}


def _nullable(description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "description": description}


_SEQUENCE = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEQUENCE}
_EVENT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "sequence": _SEQUENCE | {"minimum": 1, "description": "Place in the order in which events were stored."},
        "event_id": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "Hash of the content. A body that comes again is stored once, under the same.",
        },
        "event_type": {"type": "string", "enum": list(EVENT_TYPES)},
        "campaign_id": _nullable("The body's `campaign_id`, as text."),
        "lead_id": _nullable("The body's `lead_id`, as text."),
        "occurred_at": _nullable(
            "RFC 3339, UTC: the body's `processed_at`, `called_at` or `sent_at`, by its type; another of them, or "
            "`latest_called_at`, where that one is missing or no time."
        ),
        "received_at": {"type": "string", "format": "date-time", "description": "RFC 3339, UTC."},
        "payload": {
            "type": "object",
            "description": (
                "The body, as it came: custom fields may stand at its top, and `lead_responses` may be an object or a "
                "list. One that is nested deeper than "
                f"{MAX_DEPTH} levels stands in it as a string, under the key `{TEXT_KEY}`."
            ),
        },
    },
}
_EVENT["required"] = list(_EVENT["properties"])  # type: ignore[call-overload]  # the values of a document are of many types

_RECEIVE = {
    "operationId": "receive",
    "summary": "Take a webhook",
    "description": (
        "Called by SquadStack. A 201 says that the event is on disk. Any other answer says that it may be sent again: "
        "an event that comes twice is stored once."
    ),
    "parameters": [
        {"name": "endpoint_key", "in": "path", "required": True, "schema": {"type": "string"}},
    ],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    "responses": {
        "201": _answer("Stored, now or before.", "Receipt"),
        "400": _answer("The body is no JSON object: a form, a list of events, or no JSON.", "Error"),
        "403": _answer("The key at the end of the address is none of ours.", "Error"),
        "408": _answer("The body did not come to its end in time.", "Error"),
        "413": _answer("The body is larger than 1 MiB.", "Error"),
        "503": _answer("The store does not answer: send it again later.", "Error"),
    },
}
_PULL = {
    "operationId": "pull",
    "summary": "Read events",
    "description": (
        "Events that follow one, ordered by `sequence`. Send `next_cursor` as `after` for the next page; an empty "
        "`data` says that there is nothing more now. A page may hold fewer events than `limit` and not be the last."
    ),
    "security": [{"pull_token": []}],
    "parameters": [
        {
            "name": "after",
            "in": "query",
            "description": "A `sequence`; without it, or empty: from the oldest event that is kept.",
            "schema": _SEQUENCE,
        },
        {
            "name": CONFIRMED,
            "in": "header",
            "description": (
                "Everything up to this `sequence` is safe at the reader's end, and may be deleted when it is old. "
                "Without it, or empty, nothing is confirmed: `after` runs ahead of what is safe."
            ),
            "schema": _SEQUENCE,
        },
        {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        },
        {
            "name": "puller",
            "in": "query",
            "description": "Who asks: with a name for each reader, nothing is deleted that one of them still needs.",
            "schema": {"type": "string", "pattern": f"^{CONSUMER_PATTERN}$", "default": DEFAULT_CONSUMER},
        },
    ],
    "responses": {
        "200": _answer("Events.", "Page"),
        "400": _answer("A parameter is none.", "Error"),
        "401": _answer("No bearer token, or another one.", "Error"),
        "409": _answer("`after` lies beyond the newest event: the cursor is of another database.", "Error"),
        "410": _answer("Events that follow `after` were deleted, because another reader confirmed them.", "Error"),
        "503": _answer("The store does not answer: ask again later.", "Error"),
    },
}


def document(version: str) -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "webhooks-squadstack",
            "version": version,
            "description": 'Receives SquadStack\'s webhooks and hands them on. Every error is `{"error": sentence}`.',
        },
        "paths": {
            "/events/{endpoint_key}": {"post": _RECEIVE},
            "/events": {"get": _PULL},
            "/healthz": {"get": {"summary": "The process runs", "responses": {"200": _answer("It does.", "Status")}}},
            "/readyz": {
                "get": {
                    "summary": "The store answers",
                    "responses": {"200": _answer("It does.", "Status"), "503": _answer("It does not.", "Error")},
                }
            },
            "/metrics": {"get": {"summary": "Metrics", "responses": {"200": _text("For Prometheus.", "text/plain")}}},
            "/": {
                "get": {
                    "summary": "The page for people",
                    "responses": {
                        "200": _text("Counts; no lead.", "text/html"),
                        "503": _text("The store does not answer.", "text/html"),
                    },
                }
            },
        },
        "components": {
            "securitySchemes": {"pull_token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Event": _EVENT,
                "Page": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["data", "next_cursor", "has_more"],
                    "properties": {
                        "data": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
                        "next_cursor": _SEQUENCE | {"description": "The `after` of the next page."},
                        "has_more": {"type": "boolean", "description": "Whether more was there when this was read."},
                    },
                },
                "Receipt": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["event_id", "repeated"],
                    "properties": {
                        "event_id": {"type": "string"},
                        "repeated": {"type": "boolean", "description": "True where it was stored before."},
                    },
                },
                "Status": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["status"],
                    "properties": {"status": {"const": "ok"}},
                },
                "Error": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                },
            },
        },
    }
