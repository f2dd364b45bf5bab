"""What the receiver of webhooks bears: load, `kill -9`, and bodies that nobody expects."""
