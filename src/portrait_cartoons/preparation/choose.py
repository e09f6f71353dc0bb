"""Which pictures a data set takes: the readable ones, each once, and of these a sample."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from portrait_cartoons.preparation import splits
from portrait_cartoons.preparation.duplicates import Seen
from portrait_cartoons.preparation.examine import examine
from portrait_cartoons.preparation.manifest import Facts, Journal, Row, read_manifest
from portrait_cartoons.preparation.options import Options
from portrait_cartoons.preparation.sources import FORMAT_UNREAD, Source, sha256
from portrait_cartoons.preparation.workers import Pool
from portrait_cartoons.progress import tracked

_UNWANTED = "the same file", "not in the sample", FORMAT_UNREAD  # so begin reasons of files that nobody tried to decode


def choose(sources: list[Source], options: Options, manifest: Path, journal: Journal, pool: Pool) -> list[Row]:
    """A row for each source, still without its file: the split of those that are taken, the reason for the others.

    What the manifest of an earlier run or the journal of an interrupted one tells is not found out again.
    """
    rows: list[Row] = []
    copies: dict[str, list[Source]] = {}
    digests = tracked(pool.map(sha256, sources), len(sources), "reading")
    for source, (digest, failure) in zip(sources, digests, strict=True):
        if failure:
            rows.append(Row("", str(source.path), "", "", failure, None))
        else:
            copies.setdefault(digest, []).append(source)
    # An order of its own, which no split and no folder comes first in: a limit takes a fair sample.
    order = sorted(copies, key=lambda digest: splits.share("sample", digest))
    val = 0.0 if any("val" in source.name.parts[:-1] for source in sources) else options.val
    known = {row.sha256: row.facts for row in read_manifest(manifest) if row.facts} | dict(journal.read())
    firsts = {digest: copies[digest][0] for digest in order}
    seen, kept = Seen(), 0
    for digest, facts in _facts(firsts, known, options.crop == "face", journal, pool):
        first, *others = copies.pop(digest)
        split = _split(first, digest, val, options)
        row = Row("", str(first.path), digest, "", "", None)
        if isinstance(facts, str):
            row = replace(row, reason=facts)
        elif reason := _unwanted(facts, split, seen, options):
            row = replace(row, reason=reason, facts=facts)
        else:
            row = replace(row, split=split, facts=facts)
            seen.add(row.source, facts.phash)
            kept += 1
        rows.append(row)
        rows += [_left(copy, digest, f"the same file as {row.source}") for copy in others]
        if kept == options.limit:
            break
    beyond = f"not in the sample of limit={options.limit}"
    return rows + [_left(source, digest, beyond) for digest, rest in copies.items() for source in rest]


def unreadable(row: Row) -> bool:
    """Whether the row's file is no picture, as opposed to one that is not wanted."""
    return not row.split and row.facts is None and not row.reason.startswith(_UNWANTED)


def _left(source: Source, digest: str, reason: str) -> Row:
    return Row("", str(source.path), digest, "", reason, None)


def _facts(
    sources: dict[str, Source], known: dict[str, Facts], with_face: bool, journal: Journal, pool: Pool
) -> Iterator[tuple[str, Facts | str]]:
    """Each digest with the facts of its picture, or with why it cannot be read."""
    items = ((source, known.get(digest)) for digest, source in sources.items())
    results = tracked(pool.map(partial(_examined, with_face=with_face), items), len(sources), "examining")
    for digest, facts in zip(sources, results, strict=False):
        if digest not in known and isinstance(facts, Facts):
            journal.add(digest, facts)
        yield digest, facts


def _examined(item: tuple[Source, Facts | None], with_face: bool) -> Facts | str:
    source, known = item
    return known or examine(source, with_face)


def _split(source: Source, digest: str, val: float, options: Options) -> str:
    key = splits.person(source.path, digest, options.people)
    if options.splits == "folders":
        return splits.by_folder(source.name, key, val)
    return splits.by_hash(key, options.val, options.test)


def _unwanted(facts: Facts, split: str, seen: Seen, options: Options) -> str:
    """Why a readable picture is left out; "" if it is not."""
    if min(facts.width, facts.height) < options.min_side:
        return f"too small: its {facts.width} x {facts.height} pixels are below min_side={options.min_side}"
    if not split:
        return "in no folder train, val or test, as splits=folders needs"
    twin = None if options.near_duplicates else seen.nearest(facts.phash, facts.mirrored)
    return f"looks like {twin}" if twin else ""


def file_name(source: Path, digest: str) -> str:
    """Without suffix: one that any system takes, distinct for each picture."""
    return f"{re.sub('[^A-Za-z0-9]+', '_', source.stem)[:40].strip('_') or 'picture'}-{digest[:12]}"
