"""The retrievers: one for each way in which a set may change while its pages are read."""
