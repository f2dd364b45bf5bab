"""What both connectors need, each thing written once: facts about the vendors' APIs and small tools. No airbyte-cdk."""
