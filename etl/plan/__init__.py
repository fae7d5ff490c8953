"""Stage 3, message batches -> a plan: a folder with all lanes in sending order, rejects, counts, a hash.

Chosen: DuckDB removes duplicates and sorts out of core under a memory limit; nothing here is held per
row. A plan is immutable: the ledger addresses messages by their place in it.
"""
