"""Places functions on workers: an existing distributed engine, or threads of this process.

A thin adaptor that knows no stage. Whatever runs by it must stand being run twice and being cut off: an
engine promises no more than "at least once".
"""
