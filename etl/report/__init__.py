"""Stage 5, plan and ledger -> what people read: tables as files, summaries as values and as text."""
