"""The memory of what SquadStack has accepted: which leads, with which body, from which stream, on which campaign.

`tracker` is what a sync talks to. `memory` answers during a run; `lead_table` has its rows, `database` their tables,
`scopes` what one stream sends to one campaign, `resend` says when an unchanged record is due again. `missing_leads`
finds who is missing, `who_left` decides whether they have left. `memory_files` carries the memory from and to the
storage: `snapshot` and `journal` are its formats, `own_journal` is this run's, `found_journals` and `merge` take in
those of other runs, `journal_list` says which there must be.

**What an entry may claim.** An entry says: "SquadStack has this body." If it is wrong, a lead is skipped that
SquadStack does not have, and nobody ever notices. So:

* An entry is made by the API's own acceptance, in this run, and by nothing else.
* Before a record is sent, its lead's entry is made void, and that is in the storage before the call leaves (a
  write-ahead journal). Otherwise: a run sends a new body and is killed; the row at the source goes back to the old
  value; the next run finds the old body in the memory, skips the record, and SquadStack keeps the new one.
* While a record of a lead is on its way, no other record of that lead counts as unchanged: the one on its way may be
  applied after the entry that it would be compared with.
* A record that is sent makes void what other streams have sent of that lead to the same campaign in earlier runs: what
  one run sent by several ways stands together, and one of them sent alone would stand last. If the stream that stood
  last no longer holds the lead, what the others have sent is void too: the next sync sends it again.
* A file is believed only where its checksum proves it whole. One damaged file of the journal makes all entries void,
  because it may have made any of them void; so does one that is missing from the list of journals. A damaged snapshot
  is no memory at all: everything is sent.

**When it is saved.** The journal is written to the storage before calls leave, and that waits for the disk: it always
holds every lead that may have been sent, after a power failure too. A commit covers all that has been read ahead, up to
10,000 records, so there are few. Acceptances are added to it now and then; one that is lost costs a call. When a run
ends well, snapshot and journal become a new snapshot. The snapshot is several files and a manifest that names them; the
manifest is written last, and replacing one object is atomic.

**kill -9.** The journal holds the leads that were sent, with or without an answer. A lead whose answer was lost has no
entry, so its next record is sent again. It is remembered as perhaps there: the state that covers its record has not
been acknowledged, so its record usually comes again; but its row may leave the source in between, and then nobody would
ever stop the calls. So `when_gone` asks for it like for one that was accepted. A disable of a lead that SquadStack does
not have changes nothing.

**Two runs at once.** Each run writes a journal of its own, so none overwrites another. A run that finds another
snapshot than the one it began with says so, leaves the new one alone, and leaves its journal for the next run to merge.
Where two runs that did not know of each other have sent the same lead, or one sent it before the other's answer came,
nobody knows which body stands: the entry is void. A journal is deleted once it is in the snapshot that a run began
with and its own run has ended, so no race of two writers loses one.

What nobody can notice: a whole older copy of the folder, put back by hand. The entries are compared like any others;
they were true once. `resend_after_days` bounds how long a difference lasts.
"""
