"""`etl verify`: read the report, compare it with the ledger, and settle what it proves."""
