"""One message and its token."""

from collections.abc import Callable
from typing import Any

import pytest

from etl.model.plan import PlannedMessage
from etl.model.schemas import Role


@pytest.fixture
def message() -> Callable[..., PlannedMessage]:
    """Return a maker of messages."""

    def make(**changes: Any) -> PlannedMessage:
        fields: dict[str, Any] = {
            "ordinal": 3,
            "key": bytes(range(16)),
            "content": b"c" * 16,
            "lane": "user-1",
            "at_us": 1_654_251_574_999_999,
            "role": Role.CUSTOMER,
            "text": "My parcel never came.",
            "conversation": "ticket-9",
            "profile": None,
            "variables": None,
        }
        return PlannedMessage(**(fields | changes))

    return make
