from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.data.sampler import EpochSampler


@given(st.integers(1, 50), st.integers(0, 5), st.integers(0, 100))
def test_an_epoch_visits_every_index_once_in_an_order_of_its_own(length: int, epoch: int, seed: int) -> None:
    keys = list(EpochSampler(length, seed, epoch))
    assert {e for e, _ in keys} == {epoch}
    assert sorted(index for _, index in keys) == list(range(length))


@given(st.data())
def test_a_resumed_pass_is_the_tail_of_the_whole_one_and_later_passes_are_whole(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 50))
    skip = data.draw(st.integers(0, length - 1))
    whole, resumed = EpochSampler(length, 1, epoch=3), EpochSampler(length, 1, epoch=3, skip=skip)
    assert list(resumed) == list(whole)[skip:]
    whole.set_epoch(4)
    resumed.set_epoch(4)
    assert list(resumed) == list(whole)


def test_epochs_and_seeds_have_different_orders() -> None:
    orders = {tuple(i for _, i in EpochSampler(20, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
