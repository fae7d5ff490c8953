"""Which names in a folder are data; a file named by itself needs none of these."""

from typing import Final

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".json")
"""What a folder is searched for, each also with one of `PACKED` behind it."""

PACKED: Final = (".gz", ".zst", ".bz2")


def is_data(name: str) -> bool:
    """Return whether a file of this name in a folder is meant to be read."""
    plain = name.lower()
    for packed in PACKED:
        plain = plain.removesuffix(packed)
    return plain.endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    """Return whether a name is for programs: AppleDouble, `_SUCCESS`, `.part-0.parquet.crc`."""
    return name.startswith((".", "_"))
