import pytest

from portrait_cartoons.errors import UserError, needing


def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it() -> None:
    sentence = r"no_such is not installed, which the page needs: .*portrait-cartoons\[app\]"
    with pytest.raises(UserError, match=sentence), needing("app", "the page"):
        raise ModuleNotFoundError("No module named 'no_such'", name="no_such")


def test_a_module_of_ours_that_is_missing_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), needing("app", "the page"):
        raise ModuleNotFoundError("No module named 'portrait_cartoons.x'", name="portrait_cartoons.x")
