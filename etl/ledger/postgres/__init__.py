"""The ledger in PostgreSQL: for several machines, and for containers without a disk.

Chosen: one schema for each target, so that one database holds many ledgers; the rules in triggers, as in
SQLite's ledger; and a session's advisory lock on the very connection that commits, because it ends with
that connection. What a lost connection leaves open, the numbers of owner and commit in `meta` answer.
"""
