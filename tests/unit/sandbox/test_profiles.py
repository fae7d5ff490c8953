"""What profiles make of the default behaviour."""

from dataclasses import replace

import pytest

from etl.sandbox.body import Problem
from etl.sandbox.conduct import Conduct, ConductWish, Director, wished
from etl.sandbox.faults import Fault, Rule
from etl.sandbox.profiles import Behaviour, Profile, Voice, behaviour
from etl.sandbox.quota import Quota

DEFAULTS = {Profile.ECHO, Profile.NO_DEDUPE, Profile.SPLITS}


@pytest.mark.parametrize("profile", Profile)
def test_each_profile_changes_something_unless_it_says_that_it_is_the_default(profile):
    """One that does nothing would rehearse nothing."""
    assert (profile in DEFAULTS) == (Behaviour() == behaviour([profile]))
    assert (profile in DEFAULTS) == profile.meaning.endswith("; the default")


@pytest.mark.parametrize(
    ("reading", "default"),
    [
        (Profile.SILENT, Profile.ECHO),
        (Profile.DEDUPE, Profile.NO_DEDUPE),
        (Profile.NEVER_SPLITS, Profile.SPLITS),
    ],
)
def test_a_later_profile_wins(reading, default):
    """A default reading takes back another one."""
    assert Behaviour() == behaviour([reading, default])
    assert behaviour([reading]) == behaviour([default, reading])


def test_profiles_and_faults_add_up():
    """Does the client double under a platform that de-duplicates and loses answers?"""
    own = Rule(fault=Fault.HTML, odds=0.5)
    found = behaviour([Profile.DEDUPE, Profile.TIMEOUT, Profile.SILENT], [own])
    assert (True, Voice.SILENT) == (found.dedupes, found.voice)
    assert [Fault.HTML, Fault.SILENCE_AFTER_STORE] == [rule.fault for rule in found.rules]


CONDUCT = Conduct(
    profiles=(Profile.DEDUPE, Profile.SILENT),
    faults=(Rule(fault=Fault.HTML, every=5), Rule(fault=Fault.REFUSED, odds=0.25)),
    quota=Quota(amount=10, seconds=1),
    seed=7,
)


def test_conduct_survives_its_json():
    """What a running sandbox tells can be put back."""
    body = ConductWish.of(CONDUCT).model_dump_json().encode()
    assert CONDUCT == wished(body)
    assert Conduct() == wished(b"{}")
    assert "dedupe-by-id, silent, html=every:5, 400=0.25, quota 10/s" == str(CONDUCT)
    assert "well-behaved" == str(Conduct())


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"profiles": ["loud"]}', "profiles"),
        (b'{"profiles": "silent"}', "profiles"),
        (b'{"faults": ["html"]}', "faults"),
        (b'{"quota": "10"}', "quota"),
        (b'{"seed": -1}', "seed"),
        (b'{"profile": []}', "profile"),
    ],
)
def test_a_wish_that_is_none_is_refused_by_name(body, name):
    """Half a wish would be another rehearsal."""
    problem = wished(body)
    assert isinstance(problem, Problem)
    assert problem.sentence.startswith(f"`{name}` ")


def test_switching_begins_to_count_anew():
    """The same conduct twice is the same rehearsal twice."""
    director = Director(replace(CONDUCT, faults=(Rule(fault=Fault.HTML, at=frozenset({1})),)))
    assert [Fault.HTML, None] == [director.next_fault(), director.next_fault()]
    assert [0, 1] == [director.turn(Fault.HTML), director.turn(Fault.HTML)]
    director.switch(director.conduct)
    assert (Fault.HTML, 0) == (director.next_fault(), director.turn(Fault.HTML))
