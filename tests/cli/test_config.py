from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from portrait_cartoons.cli.config import literal


def value(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
@example("~/photos")
@example("Jörg's (1)/")
@example("a=b.ckpt")
@example("C:\\ü\\")
@example("ü\\'")
def test_a_value_that_hydra_cannot_read_is_taken_as_it_stands(text: str) -> None:
    try:
        expected = value(f"key={text}")
    except Exception:
        expected = text
    assert value(literal(f"key={text}")) == expected or expected != expected  # nan


def test_flags_and_what_hydra_reads_stay_as_they_are() -> None:
    for override in ("--cfg", "--config-dir=ü", "model=cyclegan", "~callbacks.samples", "+a.b=[1,2]", "seed=1,2"):
        assert literal(override) == override
