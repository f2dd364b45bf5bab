"""The host of recordings: no API, and no page documents it; public clients show links to a storage host of its own."""
