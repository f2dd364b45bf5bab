"""Calls to the APIs, and what their answers mean."""
