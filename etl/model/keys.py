"""What recognises a message again, for ever: a ledger knows its messages by nothing else.

All digests are SHA-256 over UTF-8, cut to 128 bits, of these words joined by colons:

- content: `etl-message-2`, octets of the lane, lane, microseconds since 1970, role, text without any prefix;
- key of a row with a native id: `etl-native-id-2`, octets of the source, source, id; else its content;
- part n (from 2) of a text that was cut: `etl-part-2`, n, the digest of the whole in upper-case hex.

Chosen over BLAKE2b: DuckDB computes SHA-256 on all cores, Python hashes row by row and alone. Collision
resistant, since texts are written by strangers.
"""

from hashlib import sha256
from typing import Final

CONTENT: Final = "etl-message-2"
NATIVE: Final = "etl-native-id-2"
PART: Final = "etl-part-2"

KEY_BYTES: Final = 16


def content_digest(*, lane: str, at_us: int, role: str, text: str) -> bytes:
    """Return the content digest of one message; `plan.digests` has it for whole tables."""
    recipe = f"{CONTENT}:{len(lane.encode())}:{lane}:{at_us}:{role}:{text}"
    return sha256(recipe.encode()).digest()[:KEY_BYTES]
