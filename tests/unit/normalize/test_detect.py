"""A format is detected strictly or not at all."""

import contextlib
import time as machine_time
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.config.reading import Time
from etl.errors import InputError
from etl.normalize.detect import detect, tells
from support.times import NOW_US
from support.written import FORMATS, column_of


def found(*cells, typed=None, **settings):
    """Return the detected format of a column named `when`."""
    column = pa.array(cells, pa.string()) if typed is None else typed
    return detect(column, Time.model_validate(settings), column="when", now_us=NOW_US)


@pytest.mark.parametrize(
    ("expected", "cell"),
    [
        ("iso8601", "2024-05-01T10:00:00Z"),
        ("iso8601", "2024-05-01 10:00"),
        ("iso8601", " 2024-05-01 10:00:00 UTC "),
        ("iso8601", "2024-05-01 10:00:00 -0800"),
        ("iso8601", "2021-03-22T04:55:51+00:00"),
        ("iso8601", "2017-10-12T15:19:21.010200Z"),
        ("epoch_s", "1714557600"),
        ("epoch_s", "1714557600.25"),
        ("epoch_ms", "1714557600123"),
        ("epoch_us", "1714557600123456"),
        ("epoch_ns", "1714557600123456789"),
        ("%d/%m/%Y %H:%M", "31/05/2024 10:00"),
        ("%d/%m/%Y %H:%M:%S", "31/5/2024 9:00:30"),
        ("%m/%d/%Y %H:%M:%S", "8/31/2019 14:59:14"),
        ("%m/%d/%Y %I:%M:%S %p", "11/17/2022 8:18:40 PM"),
        ("%m/%d/%Y, %I:%M %p", "11/17/2022, 8:18 pm"),
        ("%m/%d/%Y %I:%M%p", "11/17/2022 8:18PM"),
        ("%d-%m-%Y %H.%M.%S", "28-10-2023 14.00.00"),
        ("%d.%m.%Y %H:%M:%S", "28.10.2023 14:00:00"),
        ("%d.%m.%Y, %H:%M", "28.10.2023, 14:00"),
        ("%d/%m/%Y %H:%M:%S.%f", "31/05/2024 10:00:00.123"),
        ("%d/%m/%Y %H:%M %z", "31/05/2024 10:00 +0200"),
        ("%Y/%m/%d %H:%M:%S", "2024/05/01 10:00:00"),
        ("%Y/%m/%d %H:%M", "2024/05/01 10:00"),
        ("%Y-%m-%d %I:%M %p", "2024-05-01 10:00 AM"),
        ("%Y-%m-%d %H:%M:%S GMT", "2024-05-01 10:00:00 GMT"),
        ("%a %b %d %H:%M:%S %z %Y", "Tue Oct 31 22:10:47 +0000 2017"),
        ("%a %b %d %H:%M:%S %Y", "Tue Oct 31 22:10:47 2017"),
        ("%a %b %d %Y %H:%M:%S GMT%z", "Wed May 01 2024 12:00:00 GMT+0200"),
        ("%a, %d %b %Y %H:%M:%S %z", "Tue, 31 Oct 2017 22:10:47 +0000"),
        ("%a, %d %b %Y %H:%M:%S GMT", "Tue, 31 Oct 2017 22:10:47 GMT"),
        ("%a, %d %b %Y %H:%M %z", "Tue, 31 Oct 2017 22:10 -0700"),
        ("%d %b %Y %H:%M", "31 Oct 2017 22:10"),
        ("%d-%b-%Y %H:%M:%S", "31-Oct-2017 22:10:47"),
        ("%b %d, %Y %I:%M %p", "Oct 31, 2017 10:10 PM"),
        ("%b %d, %Y, %I:%M %p", "Oct 31, 2017, 10:10 PM"),
        ("%Y%m%d%H%M%S", "20240501100000"),
        ("%Y%m%dT%H%M%SZ", "20240501T100000Z"),
    ],
)
def test_one_telling_cell_shows_its_format(expected, cell):
    """All spellings that helpdesks are known to write."""
    assert expected == found(cell)
    assert expected == found("", None, cell, "NULL", " ")


@pytest.mark.parametrize("separator", ["/", ".", "-"])
def test_day_and_month_are_never_guessed(separator):
    """03/04 is in March or in April, and a month of error would go unnoticed."""
    cells = [separator.join(date) + " 10:00" for date in (("03", "04", "2024"), ("12", "1", "2024"))]
    with pytest.raises(InputError, match=r"column 'when' is ambiguous: 03.04.2024") as refused:
        found(*cells)
    assert f'"%d{separator}%m{separator}%Y %H:%M"' in refused.value.hint
    assert f'"%m{separator}%d{separator}%Y %H:%M"' in refused.value.hint
    day_first, month_first = (
        f"{separator.join(date)} 10:00" for date in (("13", "04", "2024"), ("04", "13", "2024"))
    )
    assert f"%d{separator}%m{separator}%Y %H:%M" == found(*cells, day_first)
    assert f"%m{separator}%d{separator}%Y %H:%M" == found(*cells, month_first)
    with pytest.raises(InputError, match=r"mixes orders: 99 .* first, 1 only the month"):
        found(*[day_first] * 99, month_first)


@pytest.mark.parametrize("cells", [["45352.4166"], ["45352"], ["45352,4166", "45353"], ["54999.5", "36526"]])
def test_serial_days_are_never_taken_unasked(cells):
    """They might be anything; only a person knows that a spreadsheet was involved."""
    with pytest.raises(InputError, match="Excel's serial days") as refused:
        found(*cells)
    assert '"excel_serial"' in refused.value.hint
    assert "excel_serial" == found(*cells, format="excel_serial")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([], "no time in its first 0 rows"),
        (["", None, "NULL", "n/a", "-", "NaT", "\\N"], "no time in its first 7 rows"),
        (["hello", "see you at 10:00"], "nothing that looks like a time in 2 cells"),
        (["2024-05-01", "2024-05-02"], "no time of day"),
        (["31/05/2024"], "no time of day"),
        (["31/05/24 10:00"], "two digits"),
        (["1.71E+12"], "cut their digits"),
        (["36525", "55000", "12"], "none fits a unit"),
        (["1714557600", "1714557600123"], "1 fit epoch_s, 1 fit epoch_ms"),
        (["999999999"], "none fits a unit"),
        (["1790086401"], "none fits a unit"),
        (["0000-00-00 00:00:00"] * 2 + ["2024-05-01 10:00"], "only 1 of its first 3 times"),
        (["2024-05-01 10:00", "1714557600"], "1 are iso8601, 1 are a plain number"),
        (
            ["31/05/2024 10:00"] * 8 + ["31/05/2024 10:00:00", "later"],
            "8 are %d/%m/%Y %H:%M or %m/%d/%Y %H:%M, 1 are %d/%m/%Y %H:%M:%S or .*, 1 look like no time",
        ),
    ],
)
def test_a_column_of_no_one_format_is_refused(cells, said):
    """A wrong guess would be a plausible, wrong history; the refusal says what was seen."""
    with pytest.raises(InputError, match=f"column 'when' .*{said}") as refused:
        found(*cells)
    assert refused.value.hint


def test_a_few_bad_cells_do_not_hide_the_format():
    """They become rejects, each with its line, once the format is enforced."""
    assert "iso8601" == found(*["2024-05-01T10:00Z"] * 9, "Explanation: when it was sent")
    assert "iso8601" == found(*["2024-05-01T10:00Z"] * 5, *["2024-05-01T24:00Z", "0000-00-00 00:00"] * 2)
    assert "epoch_s" == found(*["1714557600"] * 9, "0")
    assert "%d/%m/%Y %H:%M" == found(*["31/05/2024 10:00"] * 9, "31/31/2024 10:00")


@pytest.mark.parametrize(
    ("expected", "column"),
    [
        ("iso8601", pa.array([1], pa.timestamp("ns", tz="UTC"))),
        ("iso8601", pa.array([1], pa.timestamp("s"))),
        ("iso8601", pa.array([None, None], pa.null())),
        ("epoch_s", pa.array([1_714_557_600, None], pa.int64())),
        ("epoch_s", pa.array([1_714_557_600], pa.uint32())),
        ("epoch_ms", pa.array([1_714_557_600_123], pa.uint64())),
        ("epoch_s", pa.array([1_714_557_600.25, float("nan")])),
        ("epoch_us", pa.array([1_714_557_600_123_456.0])),
        ("epoch_s", pa.array([Decimal("1714557600.123456789")])),
        ("epoch_ns", pa.array([1_714_557_600_123_456_789])),
        ("%d-%m-%Y %H:%M", pa.array(["31-05-2024 10:00"], pa.large_string())),
        ("iso8601", pa.array(["2024-05-01T10:00Z"]).dictionary_encode()),
        ("iso8601", pa.array(["2024-05-01T10:00Z"], pa.string_view())),
    ],
)
def test_typed_columns_show_their_format(expected, column):
    """A timestamp needs none; a number has the unit whose plausible window holds it."""
    assert expected == found(typed=column)
    assert (column.null_count < len(column)) == tells(column)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([19_000], pa.date32()), r"date32\[day\], which has no time of day"),
        (pa.array([b"2024-05-01T10:00Z"]), "binary, which is no instant"),
        (pa.array([True]), "bool, which is no instant"),
        (pa.array([[1]]), "list<.*>, which is no instant"),
        (pa.array([45_352.4166]), "serial days"),
        (pa.array([None], pa.int64()), "no time in its first 1 rows"),
    ],
)
def test_types_that_hold_no_instants_are_refused(column, said):
    """One error for the column instead of a reject for each row."""
    with pytest.raises(InputError, match=said):
        found(typed=column)


def test_a_declared_format_is_not_questioned():
    """What a person states stands; misfits become rejects."""
    assert "%d/%m/%y" == found("hello", format="%d/%m/%y")


def test_only_cells_with_a_value_tell_something():
    """A caller waits for the first batch that tells."""
    assert not tells(pa.array(["", " ", None, "NULL"]))
    assert not tells(pa.array([None], pa.int64()))
    assert tells(pa.array(["", "x"]))
    assert tells(pa.array([0]))


def test_no_refusal_shows_what_a_cell_says():
    """A wrongly mapped column holds texts, and texts leak nowhere."""
    with pytest.raises(InputError) as refused:
        found("secret 1 of Bo", "secret 2", "secret 3")
    assert "secret" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=20)
@given(data=st.data())
def test_a_generated_column_shows_the_format_it_was_written_in(form, data):
    """Whatever the instants, and with blanks between them."""
    column = data.draw(column_of(form))
    assert form == found(*column, None, "")


@given(data=st.data())
def test_a_mixture_of_two_formats_is_refused(data):
    """Half a column in another unit or order must not be read by the other half's rule."""
    one, two = data.draw(st.lists(st.sampled_from(FORMATS), min_size=2, max_size=2, unique=True))
    first, second = data.draw(column_of(one)), data.draw(column_of(two))
    size = min(len(first), len(second))
    with pytest.raises(InputError):
        found(*data.draw(st.permutations([*first[:size], *second[:size]])))


CELLS = st.text(max_size=12) | st.from_regex(r"[0-9/.:+-]{1,20}( [0-9:.]{1,9})?( ?[AP]M|Z)?", fullmatch=True)


@given(st.lists(st.none() | CELLS, max_size=8))
def test_any_cells_give_a_format_or_an_input_error(cells):
    """Exports hold anything."""
    with contextlib.suppress(InputError):
        assert found(*cells)


@given(st.lists(st.floats() | st.integers(min_value=-(2**62), max_value=2**62).map(float), max_size=8))
def test_any_numbers_give_a_format_or_an_input_error(numbers):
    """Floats of Parquet may be infinite or far beyond any date."""
    with contextlib.suppress(InputError):
        assert found(typed=pa.array(numbers, pa.float64())) in FORMATS


@given(data=st.data(), form=st.sampled_from(FORMATS))
def test_the_zone_of_the_machine_has_no_say_in_detection(data, form):
    """The same file must mean the same anywhere."""
    column = data.draw(column_of(form))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        machine_time.tzset()
        assert form == found(*column)
    machine_time.tzset()
