"""A file's digest is of its bytes, however they arrive."""

from hashlib import sha256
from io import BytesIO

import pytest

from etl.source.digest import FileDigest, pieces

MIB = 1 << 20


class Dribble(BytesIO):
    """A stream whose reads return less than was asked for, as remote ones do."""

    def read(self, size=-1, /):
        """Return a third at most."""
        return super().read(max(size // 3, 1))


def digest_of(stream, extra=b""):
    """Return the digest of a stream."""
    with FileDigest() as digest:
        for piece in pieces(stream):
            digest.update(piece)
        return digest.hexdigest(extra)


def test_even_and_odd_pieces_are_hashed_apart():
    """Two cores share the work; the result is the same on every machine."""
    content = [b"a" * MIB, b"b" * MIB, b"c" * MIB, b"d"]
    stripes = sha256(content[0] + content[2]), sha256(content[1] + content[3])
    expected = sha256(b"".join(stripe.digest() for stripe in stripes)).hexdigest()
    assert expected == digest_of(BytesIO(b"".join(content)))


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
def test_short_reads_change_nothing(size):
    """A plan is found again by this digest, also when its input lies in a store."""
    content = bytes(range(251)) * (size // 251 + 1)
    assert digest_of(BytesIO(content[:size])) == digest_of(Dribble(content[:size]))


def test_what_else_tells_files_apart_is_in_the_digest():
    """The same bytes in another partition are other messages."""
    assert digest_of(BytesIO(b"x")) != digest_of(BytesIO(b"x"), b"region=dk")
