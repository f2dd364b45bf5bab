# SquadStack into your warehouse.

resource "airbyte_source_definition" "squadstack" {
  workspace_id      = var.workspace_id
  name              = "SquadStack"
  docker_repository = "${var.image_repository}/source-squadstack"
  docker_image_tag  = var.image_tag
}

locals {
  # A section that is not used is left out.
  source_config = {
    squadstack = {
      token            = var.squadstack_token
      campaign_ids     = var.campaign_ids
      start_date       = "2024-01-01T00:00:00Z"
      calls_per_minute = 60 # the other 40 are the destination's
    }
  }
}

resource "airbyte_source" "squadstack" {
  workspace_id  = var.workspace_id
  name          = "SquadStack"
  definition_id = airbyte_source_definition.squadstack.id
  configuration = jsonencode(local.source_config)
}

resource "airbyte_connection" "responses" {
  name           = "SquadStack responses into the warehouse"
  source_id      = airbyte_source.squadstack.source_id
  destination_id = var.warehouse_destination_id

  schedule = {
    schedule_type   = "cron"
    cron_expression = "0 0 * * * ? UTC" # every hour
  }

  configurations = {
    streams = [
      {
        name         = "lead_responses"
        sync_mode    = "incremental_deduped_history"
        cursor_field = ["processed_at"]
        primary_key  = [["campaign_id"], ["lead_id"]]
      },
    ]
  }
}
