"""What can go wrong with a request: which one a fault hits, and what the client gets instead of the answer."""
