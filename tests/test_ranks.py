import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from portrait_cartoons import ranks
from portrait_cartoons.errors import UserError


def run(rank: int, world: int, file: Path, work: Callable[[], Any], results: Any) -> None:
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=world)
    results[rank] = work()
    dist.destroy_process_group()


def on_ranks(world: int, file: Path, work: Callable[[], Any]) -> list[Any]:
    """What the work returns on each rank; the ranks are forks of this process."""
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        results = manager.dict()
        processes = [context.Process(target=run, args=(n, world, file, work, results)) for n in range(world)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0] * world
        return [results[n] for n in range(world)]


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_shares_are_put_together_in_order_without_padding(count: int, tmp_path: Path) -> None:
    def work() -> list[list[int]]:
        share = ranks.share(count)
        parts = {"a": torch.tensor(list(share))[:, None] * torch.tensor([1, 10])} if share else {}
        return ranks.gathered(parts)["a"].tolist()

    assert on_ranks(3, tmp_path / "store", work) == [[[n, 10 * n] for n in range(count)]] * 3


def test_rank_0_decides(tmp_path: Path) -> None:
    assert on_ranks(2, tmp_path / "store", lambda: ranks.agreed(f"rank {ranks.rank()}")) == ["rank 0"] * 2


def test_rank_0_alone_works_and_all_get_its_result_or_its_error(tmp_path: Path) -> None:
    def work() -> list[str]:
        def refuse() -> str:
            raise UserError(f"refused by {ranks.rank()}")

        found = [ranks.decided(lambda: f"made by {ranks.rank()}")]
        try:
            ranks.decided(refuse)
        except UserError as error:
            found.append(str(error))
        return found

    assert on_ranks(2, tmp_path / "store", work) == [["made by 0", "refused by 0"]] * 2


def test_a_program_of_its_own_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with ranks.launched():
        parts: dict[str, Tensor] = {"a": torch.ones(3)}
        assert (list(ranks.share(3)), ranks.gathered(parts), ranks.agreed(7)) == ([0, 1, 2], parts, 7)
