"""Rejected records: how they are stored and sent again."""
