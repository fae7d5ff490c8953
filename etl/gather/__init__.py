"""Stage 1½: rows of several files -> rows that stand alone: joined, with their customer, openings added.

Only for jobs with `[[join]]`, `[[opening]]` or `user = { customer_of = … }`; row batches in, row batches out.
"""
