"""Whole columns mean what the standard library says of their cells."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.times import read
from support.written import FORMATS, column_of, meant


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=30)
@given(data=st.data())
def test_every_format_reads_as_the_standard_library_does(form, data):
    """Cell by cell is slow and plain; a column at once must come to the same."""
    column = data.draw(column_of(form))
    done = read(*column, format=form, zone="UTC")
    assert [meant(cell, form) for cell in column] == done.times
    assert len(column) == sum(done.offsets.values())


@given(
    data=st.data(),
    form=st.sampled_from(FORMATS),
    machine=st.sampled_from(["Asia/Kolkata", "America/New_York"]),
)
def test_every_format_reads_the_same_under_any_zone_of_the_machine(data, form, machine):
    """The same file must mean the same anywhere."""
    column = data.draw(column_of(form))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", machine)
        time.tzset()
        done = read(*column, format=form, zone="UTC")
    time.tzset()
    assert [meant(cell, form) for cell in column] == done.times
