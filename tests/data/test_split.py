from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_cartoons.data.split import divide

FILES = st.sets(st.integers(0, 10**6).map(lambda number: Path(f"photos/{number}.png")), min_size=40, max_size=60)


@settings(max_examples=20)
@given(FILES, FILES, st.sets(st.sampled_from(("val", "test"))))
def test_more_files_move_none_and_every_file_is_in_one_split(
    few: set[Path], others: set[Path], folders: set[str]
) -> None:
    given_splits = {split: [Path(f"photos/{split}/{split}.png")] for split in folders}

    def divided(files: set[Path]) -> dict[str, list[Path]]:
        return divide({"train": sorted(files), **given_splits}, Path("photos"), {"val": 0.3, "test": 0.3})

    before, after = divided(few), divided(few | others)
    assert all(set(before[split]) <= set(after[split]) for split in ("train", "val", "test"))
    everything = [path for part in before.values() for path in part]
    assert sorted(everything) == sorted([*few, *(path for part in given_splits.values() for path in part)])
