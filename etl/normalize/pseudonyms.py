"""Keyed pseudonyms: the same for the same value and key; without the key nobody can tell whose they are."""

from hashlib import blake2b
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_USER: Final = b"etl-user-1"
_USER_BYTES: Final = 12
_KEY_BYTES: Final = blake2b.MAX_KEY_SIZE


def pseudonyms(ids: pa.Array, *, key: bytes) -> pa.Array:
    """Return `u_` and 24 hex digits for each id; null stays null, and equal ids stay equal.

    An empty or blank id is an id here and gets one too: say before what is missing.
    A ledger knows users by these, so they never change for the same key.

    Raises:
        ValueError: the key is empty.
    """
    coded = ids.cast(pa.string()).dictionary_encode()
    words = [
        "u_" + digest(word.encode(), key=key, size=_USER_BYTES, person=_USER).hex()
        for word in coded.dictionary.to_pylist()
    ]
    return pc.take(pa.array(words, pa.string()), coded.indices)


def digest(value: bytes, *, key: bytes, size: int, person: bytes) -> bytes:
    """Return the keyed BLAKE2b of a value; a key longer than the hash takes is hashed first.

    Raises:
        ValueError: the key is empty.
    """
    if not key:
        raise ValueError("a pseudonym without a key could be found out by trying")
    fit = key if len(key) <= _KEY_BYTES else blake2b(key).digest()
    return blake2b(value, key=fit, digest_size=size, person=person).digest()
