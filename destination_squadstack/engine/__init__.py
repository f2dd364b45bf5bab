"""The flow of records: no threads, no clock and no input or output of its own."""
