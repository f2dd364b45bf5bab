"""The components that the manifest names: one class for each thing that YAML cannot express."""

from source_squadstack.components.activity_records import ActivityFilter
from source_squadstack.components.contact_center_auth import ContactCenterAuthenticator
from source_squadstack.components.error_handler import ApiErrorHandler
from source_squadstack.components.lead_requester import LeadWindowRequester
from source_squadstack.components.outreach_events import OutreachEventFilter
from source_squadstack.components.pagination import NextPageNumber, NextStartKey
from source_squadstack.components.privacy import PrivacyFilter
from source_squadstack.components.recordings import RecordingFilter, RecordingRequester
from source_squadstack.components.records import LeadFilter, TypedRow
from source_squadstack.components.requester import ApiRequester
from source_squadstack.components.response_body import BodyExtractor
from source_squadstack.components.retrievers.activity import ActivityRetriever
from source_squadstack.components.retrievers.keyed import KeyedRetriever
from source_squadstack.components.retrievers.recordings import RecordingsRetriever
from source_squadstack.components.retrievers.stable_window import StableWindowRetriever
from source_squadstack.components.state_migrations import PerCampaignState, ReadableState

__all__ = [
    "ActivityFilter",
    "ActivityRetriever",
    "ApiErrorHandler",
    "ApiRequester",
    "BodyExtractor",
    "ContactCenterAuthenticator",
    "KeyedRetriever",
    "LeadFilter",
    "LeadWindowRequester",
    "NextPageNumber",
    "NextStartKey",
    "OutreachEventFilter",
    "PerCampaignState",
    "PrivacyFilter",
    "ReadableState",
    "RecordingFilter",
    "RecordingRequester",
    "RecordingsRetriever",
    "StableWindowRetriever",
    "TypedRow",
]
