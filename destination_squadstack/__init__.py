"""Airbyte destination for SquadStack: sends leads in bulk and gives a true account of every record."""
