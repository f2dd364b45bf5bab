"""The destination under everything that can go wrong at once, and killed in the middle: what became of every record."""
