variable "airbyte_url" {
  description = "The public API of your Airbyte, with its version."
  type        = string
  default     = "http://localhost:8000/api/public/v1/"
}

variable "airbyte_client_id" {
  description = "Of an application of your Airbyte: your user's settings, Applications."
  type        = string
  sensitive   = true
}

variable "airbyte_client_secret" {
  description = "The secret of that application."
  type        = string
  sensitive   = true
}

variable "workspace_id" {
  description = "The workspace, as in the address of its pages."
  type        = string
}

variable "image_repository" {
  description = "Where your cluster pulls the images from, without their names."
  type        = string
  default     = "squadstack"
}

variable "image_tag" {
  description = "The version of both connectors."
  type        = string
  default     = "0.1.0"
}

variable "squadstack_token" {
  description = "API token of SquadStack's customer portal."
  type        = string
  sensitive   = true
}

variable "campaign_ids" {
  description = "The campaigns to read."
  type        = list(string)
  default     = ["0PT711"]
}

variable "ref_id" {
  description = "The campaign's CRM integration, to which leads are written."
  type        = string
}

variable "warehouse_destination_id" {
  description = "A destination that you have: where the source's records go."
  type        = string
}

variable "leads_source_id" {
  description = "A source that you have: where the leads come from."
  type        = string
}

variable "leads_stream" {
  description = "The stream of that source which holds the leads."
  type        = string
  default     = "leads"
}
