"""Bytes of a column, by their place."""

import numpy as np
import pyarrow as pa

from etl.normalize import octets
from etl.normalize.octets import counts_in, edge_bytes, octets_of, places


def test_places_do_not_depend_on_where_pieces_end(monkeypatch):
    """A pair that two pieces share is found once, for every size of a piece."""
    line = np.frombuffer(b"aab aa baaab a", np.uint8)
    expected = np.flatnonzero((line[:-2] == ord("a")) & (line[2:] == ord("b")))
    for size in range(1, len(line) + 2):
        monkeypatch.setattr(octets, "_PIECE", size)
        found = places(line, lambda piece: (piece[:-2] == ord("a")) & (piece[2:] == ord("b")), beyond=2)
        assert expected.tolist() == found.tolist()


def test_bytes_of_a_slice_are_only_its_own():
    """Batches are slices of larger ones."""
    whole, ends = octets_of(pa.array(["no", "a", None, "", "bcd", "no"]).slice(1, 4))
    assert (b"abcd", [0, 1, 1, 1, 4]) == (whole.tobytes(), ends.tolist())
    first, last = edge_bytes(whole, ends)
    assert [(ord("a"), ord("a")), (ord("b"), ord("d"))] == [(first[row], last[row]) for row in (0, 3)]
    assert [1, 0, 0, 2] == counts_in(np.array([0, 1, 3]), ends).tolist()


def test_texts_without_bytes_have_edges_too():
    """A column may be empty or null all through."""
    for column in (pa.array([], pa.string()), pa.nulls(2, pa.string()), pa.array(["", ""])):
        whole, ends = octets_of(column)
        first, last = edge_bytes(whole, ends)
        assert [len(column)] * 2 == [len(first), len(last)]
