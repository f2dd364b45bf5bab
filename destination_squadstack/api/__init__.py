"""Calls to the APIs, and what their responses mean: `outcomes`."""
