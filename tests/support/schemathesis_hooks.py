"""Loaded by schemathesis: leaves out what JSON Schema can't say of the sandbox's contract."""

from typing import Any

import schemathesis


@schemathesis.hook
def filter_body(_context: schemathesis.HookContext, body: Any) -> bool:
    """Pass over 1654251574.0: to JSON Schema an integer, to the sandbox a client's float that slipped in."""
    return not (isinstance(body, dict) and isinstance(body.get("timestamp"), float))
