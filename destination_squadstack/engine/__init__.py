"""The flow of records: no threads, no clock and no input or output of its own. The map is in `engine`."""
