"""How the pages of a stream are read: a retriever for each way in which a set may change while it is paged."""
