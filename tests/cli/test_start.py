"""What a command sets before torch is loaded."""

import os

import pytest

from portrait_cartoons.cli.start import start


@pytest.mark.parametrize(("given", "expected"), [(None, "1000"), ("7", "7")])
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(
    given: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", given or "")
    if given is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    with pytest.raises(SystemExit):
        start("train", ["--help"])
    assert os.environ["GOMP_SPINCOUNT"] == expected
