"""Rejected records: where they are kept, and how they are sent again."""
