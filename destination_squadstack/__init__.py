"""Airbyte destination for SquadStack: sends leads in bulk and reports the outcome of every record."""
