"""Folders that every machine working on a plan sees: a path, or a prefix in an object store."""
