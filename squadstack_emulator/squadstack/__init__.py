"""SquadStack: reads and writes of leads (v4, v1, CRM v2), their calling, the events that are posted."""
