from math import comb

import pytest

from etl.verify.bound import wrong_share_at_most


@pytest.mark.parametrize("looked_at", [10, 300, 10_000])
def test_nothing_wrong_is_the_rule_of_three(looked_at):
    """The closed form is 1 - 0.05 ** (1 / n), about 3 / n."""
    bound = wrong_share_at_most(wrong=0, looked_at=looked_at)
    assert 1 - 0.05 ** (1 / looked_at) == pytest.approx(bound, rel=1e-9)
    assert bound < 3 / looked_at


@pytest.mark.parametrize(("wrong", "looked_at"), [(1, 10), (3, 50), (40, 100), (99, 100)])
def test_bound_leaves_five_percent(wrong, looked_at):
    """By definition: at the bound, so few wrong ones turn up in one sample of twenty."""
    share = wrong_share_at_most(wrong=wrong, looked_at=looked_at)
    chance = sum(
        comb(looked_at, hits) * share**hits * (1 - share) ** (looked_at - hits) for hits in range(wrong + 1)
    )
    assert 0.05 == pytest.approx(chance, rel=1e-6)
    assert share > wrong / looked_at


def test_published_value():
    """Clopper and Pearson, 1 of 20, one-sided 95 %: 0.2161 (beta quantile 0.95 of 2 and 19)."""
    assert 0.2161 == pytest.approx(wrong_share_at_most(wrong=1, looked_at=20), abs=5e-5)


@pytest.mark.parametrize(("wrong", "looked_at"), [(0, 0), (7, 7)])
def test_nothing_known_or_all_wrong_bounds_nothing(wrong, looked_at):
    """No false certainty."""
    assert 1.0 == wrong_share_at_most(wrong=wrong, looked_at=looked_at)


def test_more_wrong_than_looked_at_is_a_defect():
    """It would give a bound that means nothing."""
    with pytest.raises(ValueError, match="part of"):
        wrong_share_at_most(wrong=2, looked_at=1)
