"""A small web service that receives SquadStack's webhooks, stores them, and hands them to consumers.

`POST /events/{endpoint_key}` is what SquadStack calls; `GET /events` is what `source-squadstack` reads. Between the
two lies a database, SQLite or PostgreSQL, and one rule: an event that was answered with 201 is never lost and never
doubled.
"""
