from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.cli.arguments import key_of, split


@given(st.from_regex(r"[a-z][a-z_.]*", fullmatch=True), st.text(), st.sampled_from(["", "+", "++", "~"]))
def test_the_first_equals_sign_divides_key_and_value(key: str, value: str, sign: str) -> None:
    assert split(f"{sign}{key}={value}") == (f"{sign}{key}", value)
    assert split(key) == (key, None)
    assert key_of(f"{sign}{key}={value}") == key_of(f"{sign}{key}") == key
