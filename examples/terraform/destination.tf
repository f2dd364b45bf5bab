# Leads from a source of yours into SquadStack.

resource "airbyte_destination_definition" "squadstack" {
  workspace_id      = var.workspace_id
  name              = "SquadStack"
  docker_repository = "${var.image_repository}/destination-squadstack"
  docker_image_tag  = var.image_tag
}

locals {
  destination_config = {
    squadstack = {
      token            = var.squadstack_token
      calls_per_minute = 40 # the other 60 are the source's
    }
    default = {
      operation = "upsert"
      api       = "crm_v2"
      ref_id    = var.ref_id
    }
    streams = [
      {
        stream = var.leads_stream
        field_map = [
          { to = "lead_id", from = "id" },
          { to = "phone_number", from = "phone" },
          { to = "contact_name", from = "full_name" },
        ]
      },
    ]
    object_storage_config = {
      storage_type = "None" # rejected records are only counted: choose a store before you rely on it
    }
  }
}

resource "airbyte_destination" "squadstack" {
  workspace_id  = var.workspace_id
  name          = "SquadStack"
  definition_id = airbyte_destination_definition.squadstack.id
  configuration = jsonencode(local.destination_config)
}

resource "airbyte_connection" "leads" {
  name           = "Leads into SquadStack"
  source_id      = var.leads_source_id
  destination_id = airbyte_destination.squadstack.destination_id

  schedule = {
    schedule_type   = "cron"
    cron_expression = "0 30 * * * ? UTC" # every hour, half an hour after the other connection
  }

  configurations = {
    streams = [
      {
        name      = var.leads_stream
        sync_mode = "incremental_deduped_history"
      },
    ]
  }
}
