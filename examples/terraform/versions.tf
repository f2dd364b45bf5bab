terraform {
  required_version = ">= 1.5"

  required_providers {
    airbyte = {
      source  = "airbytehq/airbyte"
      version = "~> 1.1"
    }
  }
}

provider "airbyte" {
  server_url    = var.airbyte_url
  token_url     = "${var.airbyte_url}applications/token"
  client_id     = var.airbyte_client_id
  client_secret = var.airbyte_client_secret
}
