from pathlib import PurePath

from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.preparation.splits import by_folder, by_hash, share

KEYS = st.text("0123456789abcdef", min_size=1, max_size=64)
SHARES = st.floats(0, 0.4)


@given(KEYS, SHARES, SHARES, SHARES)
def test_another_validation_share_moves_no_test_picture(key: str, val: float, other: float, test: float) -> None:
    assert (by_hash(key, val, test) == "test") == (by_hash(key, other, test) == "test")


def test_shares_are_kept_and_independent() -> None:
    keys = [str(number) for number in range(4000)]
    splits = [by_hash(key, 0.1, 0.2) for key in keys]
    assert abs(splits.count("test") / 4000 - 0.2) < 0.02
    assert abs(splits.count("val") / 4000 - 0.1) < 0.02
    first_half = [split for key, split in zip(keys, splits, strict=True) if share("sample", key) < 0.5]
    assert abs(first_half.count("test") / len(first_half) - 0.2) < 0.03


@given(KEYS, SHARES)
def test_a_folder_names_the_split_and_validation_is_cut_from_train_alone(key: str, val: float) -> None:
    assert by_folder(PurePath("a/test/b.png"), key, val) == "test"
    assert by_folder(PurePath("val/b.png"), key, val) == "val"
    assert by_folder(PurePath("train/b.png"), key, val) == ("val" if share("split", key) < val else "train")
    assert by_folder(PurePath("elsewhere/train.png"), key, val) == ""
