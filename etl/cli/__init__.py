"""The face: options -> typed values -> one call of `pipeline` -> text for people or JSON for programs.

People's text goes to stderr, machine-readable output to stdout. A command's module is imported when it is
called, so that `etl --help` costs no pandas.
"""
