"""In which order a name's addresses are tried."""

from socket import AF_INET, AF_INET6

from etl.api.connecting import in_turn


def test_families_take_turns_in_the_resolvers_order():
    """A machine whose IPv6 leads nowhere must not try all of it first (RFC 8305, 4)."""
    six = [(AF_INET6, (f"::{number}", 80, 0, 0)) for number in range(3)]
    four = (AF_INET, ("127.0.0.1", 80))

    assert [six[0], four, six[1], six[2]] == in_turn([*six, four])
    assert [] == in_turn([])
