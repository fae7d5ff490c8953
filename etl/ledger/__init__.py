"""The durable record of every message that was touched. One ledger per target, over all jobs and runs.

Chosen: SQLite in WAL mode with `synchronous=FULL`, rows addressed by (plan, ordinal), because a random
128-bit primary key costs 5 to 18 times as much and `synchronous=NORMAL` doubles messages at power cuts
(measured for this project). It holds ids, hashes, states, HTTP statuses and times, and no message text.
"""
