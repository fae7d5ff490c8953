"""Stage 1, files -> row batches: exact strings, the physical line of every row, counts that are checked."""
