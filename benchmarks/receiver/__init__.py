"""The load that the receiver of webhooks bears."""
