"""The job: what to import, how, and whither, as a typed and frozen value."""
