"""`source-squadstack`: SquadStack lead responses for any Airbyte destination."""
