"""Instants as reports and logs write them."""

from datetime import UTC, datetime

from etl.clock import MICROSECONDS


def iso(at_us: int) -> str:
    """Return microseconds since 1970 UTC as `2024-05-01T10:00:00Z`, cut to whole seconds."""
    return datetime.fromtimestamp(at_us // MICROSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(at_us: int) -> str:
    """Return microseconds since 1970 UTC as a part of a file's name, `20240501T100000.000000Z`."""
    return datetime.fromtimestamp(at_us / MICROSECONDS, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
