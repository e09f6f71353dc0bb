"""The conclusions of a report on a data set, in plain sentences."""

from collections.abc import Iterator

from portrait_cartoons.preparation.report import DOMAINS, Group, Report, median
from portrait_cartoons.preparation.splits import SPLITS

_FEW = 100  # pictures of a training split


def remarks(report: Report) -> Iterator[tuple[str, bool]]:
    """Each sentence, and whether it tells of a fault."""
    yield from _on_leaks(report)
    unreadable = sum(len(group.looks) - len(group.readable) for group in report.groups)
    if unreadable:
        yield f"{unreadable} files cannot be read; they are listed below.", True
    if odd := sum(bool(look.facts and look.facts.note) for look in report.looks):
        yield f"{odd} pictures are worth a look: blurred, without colour, transparent or animated.", False
    if report.alone:
        yield f"{len(report.alone)} masks or other files have no picture, for example {report.alone[0]}.", True
    yield from _on_splits(report.groups)
    yield from _on_domains(report.groups)
    if report.left_out:
        yield f"Preparation left {len(report.left_out)} files out; the reasons stand below.", False


def _on_leaks(report: Report) -> Iterator[tuple[str, bool]]:
    leaks = sum(leaks for *_, leaks in report.pairs)
    if leaks:
        yield (
            f"{leaks} pairs of pictures show the same in two splits: measured on them, numbers are too good.",
            True,
        )
    else:
        yield "No picture was found in two splits.", False
    if same := len(report.pairs) - leaks:
        yield f"{same} pairs of pictures show the same within one split.", True


def _on_splits(groups: list[Group]) -> Iterator[tuple[str, bool]]:
    for domain in DOMAINS:
        counts = {group.split: len(group.readable) for group in groups if group.folder == domain}
        if not counts:
            yield f"There is no folder of {domain}s.", True
            continue
        missing = [split for split in SPLITS if not counts.get(split)]
        if missing and missing != list(SPLITS):
            yield f"The {domain}s have no {' and no '.join(missing)} split.", True
        if 0 < counts.get("train", 0) < _FEW:
            yield f"Only {counts['train']} {domain}s are there to train on.", True


def _on_domains(groups: list[Group]) -> Iterator[tuple[str, bool]]:
    sides = [
        median(
            min(look.facts.width, look.facts.height)
            for group in groups
            if group.folder == domain
            for look in group.readable
            if look.facts
        )
        for domain in DOMAINS
    ]
    if all(sides) and max(sides) > 1.5 * min(sides):
        yield f"Photos and cartoons differ in size: {sides[0]:.0f} and {sides[1]:.0f} pixels in the middle.", False
