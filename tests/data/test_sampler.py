from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_cartoons.data.sampler import EpochSampler, Position


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(0, 5), st.integers(0, 100))
def test_an_epoch_visits_every_index_once_in_an_order_of_its_own(length: int, epoch: int, seed: int) -> None:
    keys = list(EpochSampler(length, seed, Position(epoch)))
    assert {e for e, _ in keys} == {epoch}
    assert sorted(index for _, index in keys) == list(range(length))


@settings(deadline=None)
@given(st.integers(1, 50), st.data())
def test_a_resumed_pass_is_the_tail_of_the_whole_one_and_later_ones_are_whole(length: int, data: st.DataObject) -> None:
    done = data.draw(st.integers(0, length))
    whole, resumed = EpochSampler(length, 1, Position(3)), EpochSampler(length, 1, Position(3, done, done))
    assert list(resumed) == list(whole)[done:]
    assert list(resumed) == list(whole)[done:]  # Lightning may ask for the iterator twice
    whole.set_epoch(4)
    resumed.set_epoch(4)
    assert list(resumed) == list(whole)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4), st.integers(1, 7), st.integers(1, 7), st.data())
def test_ranks_share_an_epoch_whatever_the_batch_size_before(
    length: int, epoch: int, ranks: int, before: int, now: int, data: st.DataObject
) -> None:
    batch = data.draw(st.integers(0, length // (ranks * before)))
    start = Position(epoch, batch, batch * before * ranks)
    samplers = [EpochSampler(length, 0, start, now, rank, ranks) for rank in range(ranks)]
    shares = [[index for _, index in sampler] for sampler in samplers]
    seen = [index for share in shares for index in share]
    order = [index for _, index in EpochSampler(length, 0, Position(epoch))]
    rest = order[start.sample :]
    # Equally many each, disjoint, and all that is left but for what does not fill a round.
    assert len({len(share) for share in shares}) == 1
    assert len(seen) == len(set(seen)) == len(rest) // ranks * ranks
    assert set(seen) <= set(rest)
    # k batches of all ranks together are a piece of the order without gaps, so that its end is the new position.
    taken = {index for share in shares for index in share[:now]}
    assert taken == set(rest[: len(taken)])
    # The number of batches is that of the whole epoch: those before, and those that are to come.
    assert -(-len(samplers[0]) // now) == batch + -(-len(shares[0]) // now)
    samplers[0].set_epoch(epoch + 1)
    assert len(samplers[0]) == len(list(samplers[0])) == length // ranks


def test_epochs_and_seeds_have_different_orders() -> None:
    orders = {tuple(i for _, i in EpochSampler(20, seed, Position(e))) for seed in range(3) for e in range(3)}
    assert len(orders) == 9
