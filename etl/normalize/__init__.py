"""Stage 2: row batches -> message batches and rejects. Pure: no clock, no files, no memory between batches.

`batch.Normalizer` is the stage; the other modules each decide one thing of a row, for all rows at once.
"""
