"""Columns that travel along as JSON."""

import json

import pytest

NASTY = 'quote " slash \\ line\n tab\t nul\x00 esc\x1b del\x7f é 😀 \u2028 {{x}} \\u0041'


def test_variables_and_profile_are_exact_json_objects(normalize):
    """Cells with quotes, backslashes and controls must come back as they were."""
    columns = {"variables": {"plan": "plan", "ticket": "ticket"}, "profile": {"name": "plan"}}
    message = normalize({"plan": NASTY}, columns=columns).messages.to_pylist()[0]
    assert json.loads(message["variables"]) == {"plan": NASTY, "ticket": "t1"}
    assert json.loads(message["profile"]) == {"name": NASTY}


@pytest.mark.parametrize("cell", ["", None])
def test_an_empty_cell_is_left_out(normalize, cell):
    """An empty value would overwrite one that an earlier message has set."""
    columns = {"variables": {"first": "plan", "second": "msg"}}
    done = normalize({"plan": cell}, {"plan": cell, "msg": "1"}, {"msg": "1"}, columns=columns)
    assert [json.loads(value) for value in done.messages["variables"].to_pylist()] == [
        {},
        {"second": "1"},
        {"first": "gold", "second": "1"},
    ]


def test_without_a_mapping_there_is_no_object(normalize):
    """None says that nothing is mapped."""
    message = normalize({}).messages.to_pylist()[0]
    assert (message["variables"], message["profile"]) == (None, None)


@pytest.mark.parametrize("speaker", ["variables", "both"])
def test_the_speaker_is_a_variable_when_the_job_says_so(normalize, speaker):
    """It is how a bot may tell agents from customers."""
    done = normalize(
        {"who": "agent"}, {}, message={"speaker": speaker}, columns={"variables": {"plan": "plan"}}
    )
    assert [json.loads(value) for value in done.messages["variables"].to_pylist()] == [
        {"plan": "gold", "speaker": "agent"},
        {"plan": "gold", "speaker": "customer"},
    ]
