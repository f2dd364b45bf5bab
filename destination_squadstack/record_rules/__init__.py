"""The rules for a record before it is sent, one module each, in this order.

1. `filters`: a record that fails a test of the config is not sent.
2. `tombstones`: a record of a row that was deleted at its source is never created, updated or upserted.
3. `field_map`: the lead's fields are taken from the record's.
4. `phone_numbers`, `custom_values`, `long_names`: values are cleaned.
5. `suppression`: nobody on the list is called.

Then the lead is validated against the operation's schema and joins a batch. The filter and the tombstone look at the
record as it came; suppression looks at the number that would be sent. All rules are pure functions: none of them reads
a file, but for the suppression list's own loader, and none raises over any value that JSON can hold.
"""
