"""Reading back: what the platform's report shows against what the ledger holds, as multisets, in DuckDB.

Chosen: counting equal messages (user, text, second), because nothing public says that the report shows the
id that was sent. A text becomes a digest as it comes in and is kept nowhere else. Absence counts only where
the report was surely whole; everything else is unknown.
"""
