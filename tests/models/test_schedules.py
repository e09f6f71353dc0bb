import pytest
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.models.schedules import flat_then_linear


@pytest.mark.parametrize(("epoch", "factor"), [(1, 1), (100, 1), (101, 1 - 1 / 101), (150, 51 / 101), (200, 1 / 101)])
def test_published_schedule(epoch: int, factor: float) -> None:
    assert flat_then_linear(epoch - 1, 200, 0.5) == pytest.approx(factor)


@given(st.integers(1, 500), st.floats(0, 1))
def test_no_epoch_is_wasted_at_zero_and_it_never_rises(epochs: int, decay_share: float) -> None:
    factors = [flat_then_linear(epoch, epochs, decay_share) for epoch in range(epochs)]
    assert all(0 < later <= earlier <= 1 for earlier, later in zip(factors, factors[1:] or factors, strict=False))


def test_without_decay_it_stays_flat() -> None:
    assert {flat_then_linear(epoch, 20, 0.0) for epoch in range(20)} == {1.0}
