"""Parquet values as exact strings, and which types a column may have.

What a float column says: whole numbers that a float surely holds exactly (below 2^53, for 32-bit floats
2^24) become their digits, `115712`; from there on digits may be lost, so the text is scientific
(`9.1e+15`, `16777218e+0`), which `normalize` rejects as an id; a fraction stays one (`1.5`); NaN is
missing, hence null.
"""

from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from etl.errors import InputError

_EXACT: Final = {pa.float16(): 2.0**11, pa.float32(): 2.0**24, pa.float64(): 2.0**53}


def check_time_type(label: str, name: str, kind: pa.DataType) -> None:
    """Check that a column of this type can hold instants.

    Raises:
        InputError: it can't.
    """
    kind = _plain(kind)
    if types.is_date(kind) or types.is_time(kind):
        what = "a date has no time of day" if types.is_date(kind) else "a time of day has no date"
        raise InputError(
            f"{label}: column {name!r} has the type {kind}: {what}, so messages of a day would have no order",
            hint="map a column with full timestamps under `[columns] timestamp`",
        )
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if not (types.is_timestamp(kind) or numeric or _is_text(kind)):
        raise _wrong_type(label, name, kind, "a time")


def check_text_type(label: str, name: str, kind: pa.DataType) -> None:
    """Check that a column of this type can hold ids or texts.

    Raises:
        InputError: it can't: binary and nested values have no one text.
    """
    kind = _plain(kind)
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    temporal = types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind)
    if not (numeric or temporal or _is_text(kind) or types.is_boolean(kind)):
        raise _wrong_type(label, name, kind, "an id or a text")


def as_times(column: pa.Array) -> pa.Array:
    """Return a column of times as it is, without a dictionary and without large or empty types."""
    column = _decoded(column)
    return column.cast(pa.string()) if _is_text(column.type) else column


def as_strings(column: pa.Array) -> pa.StringArray:
    """Return the values as exact strings; null stays null."""
    column = _decoded(column)
    if types.is_floating(column.type):
        return _floats(column)
    if types.is_decimal(column.type):
        return _decimals(column)
    return column.cast(pa.string())


def is_sound(column: pa.Array) -> bool:
    """Return whether a column is what its type says: Parquet keeps bytes and only calls them UTF-8."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _floats(column: pa.Array) -> pa.StringArray:
    limit = _EXACT[column.type]
    wide = column.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(wide), wide), pc.less(pc.abs(wide), limit))
    digits = pc.if_else(whole, wide, None).cast(pa.int64()).cast(pa.string())
    narrow = column if column.type != pa.float16() else wide
    text = pc.if_else(pc.is_nan(wide), None, narrow.cast(pa.string()))
    text = pc.replace_substring_regex(text, r"^(-?\d+)$", r"\1e+0")
    return pc.if_else(whole, digits, text)


def _decimals(column: pa.Array) -> pa.StringArray:
    text = column.cast(pa.string())
    scientific = pc.fill_null(pc.match_substring(text, "E"), fill_value=False)
    if pc.any(scientific).as_py():
        # Only very small fractions and negative scales are written so.
        plain = [format(Decimal(value), "f") for value in text.filter(scientific).to_pylist()]
        text = pc.replace_with_mask(text, scientific, pa.array(plain, pa.string()))
    return pc.replace_substring_regex(text, r"^(-?\d+)\.0+$", r"\1")


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    tests = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    return any(test(kind) for test in tests)


def _wrong_type(label: str, name: str, kind: pa.DataType, wanted: str) -> InputError:
    hint = "map another column, or export this one as text"
    if types.is_struct(kind):
        hint = f'map a field inside it by its path, as "{name}.{kind.names[0] if kind.names else "field"}"'
    elif types.is_nested(kind) and types.is_struct(getattr(kind, "value_type", pa.null())):
        hint = f'set `[input] explode = "{name}"` and map the fields of its elements, as "{name}.field"'
    return InputError(f"{label}: column {name!r} has the type {kind}, which can't hold {wanted}", hint=hint)
