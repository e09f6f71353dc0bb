"""An evaluation from its first picture to its last, into a folder where it can be continued."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from portrait_cartoons import ranks
from portrait_cartoons.evaluation.baselines import Baseline
from portrait_cartoons.evaluation.bootstrap import undecided
from portrait_cartoons.evaluation.evaluator import CARTOONS, PHOTOS, RESERVED, TARGETS, Evaluator, folder_of
from portrait_cartoons.evaluation.fidelity import Rescored, agree, rescored
from portrait_cartoons.evaluation.files import write
from portrait_cartoons.evaluation.origin import overlap
from portrait_cartoons.evaluation.paper import Paper
from portrait_cartoons.evaluation.report import Protocol, Report, ReportError, Row, read, same_protocol
from portrait_cartoons.evaluation.resamples import keep, kept
from portrait_cartoons.evaluation.systems import System, distinct
from portrait_cartoons.runs.checkpoint import load

BY_FIDELITY = " by torch-fidelity"  # ends the protocol's entries that are results


def made(folder: Path) -> Path:
    """The folder, which is empty or holds a report; rank 0 looks, before anybody writes. Raises ReportError."""
    return ranks.decided(lambda: _made(folder))


def begun(evaluator: Evaluator, command: str, paper: Paper | None) -> Report:
    """The report in the evaluator's folder, with its baselines; a new one where there is none.

    It gets the tables of `paper`, or keeps those it has.

    Raises:
        ReportError: the report there was measured by another protocol.
    """
    protocol = evaluator.protocol
    report = ranks.decided(lambda: _report(evaluator.folder, protocol, command))
    report = replace(report, paper=paper or report.paper)
    if report.rows:
        return report
    rows = evaluator.baselines()
    targets = folder_of(TARGETS) if (evaluator.folder / folder_of(TARGETS)).is_dir() else None
    return _written(replace(report, rows=rows, targets=targets), evaluator.folder)


def compared(evaluator: Evaluator, report: Report, wanted: list[Baseline]) -> Report:
    """The report with a row for each thing that draws without training; those that are there are left as they are."""
    for baseline in wanted:
        if any(row.kind == "baseline" and row.facts == baseline.facts for row in report.rows):
            continue
        name = distinct(baseline.name, [*RESERVED, *(row.name for row in report.rows)])
        values = {key: estimate.shown() for key, estimate in evaluator.baseline(name, baseline).items()}
        row = Row(name, "baseline", values, pictures=folder_of(name), facts=baseline.facts)
        report = _written(replace(report, rows=[*report.rows, row]), evaluator.folder)
    return report


def measured(evaluator: Evaluator, report: Report, wanted: list[System]) -> Report:
    """The report with a row for each system; a file that was measured already, by its hash, is left as it is."""
    for system in wanted:
        if system.sha256 in {row.sha256 for row in report.rows}:
            continue
        name = distinct(system.name, [*RESERVED, *(row.name for row in report.rows)])
        if ranks.rank() == 0:
            print(f"  {name}: {system.file}", flush=True)
        estimates = evaluator.system(name, load(system.file), system.file)
        values = {key: estimate.shown() for key, estimate in estimates.items()}
        told, seen = overlap(system.origin, evaluator.identities)
        if seen and ranks.rank() == 0:
            print(f"warning: {name} has seen pictures that it is measured on: {told}", file=sys.stderr, flush=True)
        facts = {**system.origin.facts, "has seen of these pictures": told}
        row = Row(name, "system", values, str(system.file), system.sha256, folder_of(name), facts=facts, seen=seen)
        if ranks.rank() == 0:
            keep(evaluator.folder, name, estimates)
        report = _written(replace(report, rows=[*report.rows, row]), evaluator.folder)
    return report


def confirmed(evaluator: Evaluator, report: Report) -> Report:
    """The report with what torch-fidelity finds in the pictures of each row. Raises FidelityError if it disagrees."""
    for row in report.rows:
        if row.pictures is None or f"fid of {row.name}{BY_FIDELITY}" in report.protocol:
            continue
        found = ranks.decided(partial(_rescored, evaluator, row, evaluator.folder / row.pictures))
        entries = {f"{key} of {row.name}{BY_FIDELITY}": getattr(found, key) for key in ("fid", "kid")}
        report = _written(replace(report, protocol={**report.protocol, **entries}), evaluator.folder)
    return report


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A program that was killed while it wrote its first file leaves a temporary one.
        names = [path.name for path in folder.iterdir() if not (path.name.startswith(".") and path.suffix == ".tmp")]
    except OSError as error:
        raise ReportError(f"output={folder} cannot be used ({error.strerror}): choose another folder") from error
    if names and "report.json" not in names:
        raise ReportError(f"output={folder} holds other files: choose an empty folder, or that of a report")
    return folder


def _report(folder: Path, protocol: Protocol, command: str) -> Report:
    """The report in the folder, or a new one, which is written before any picture: all there are of one protocol."""
    file = folder / "report.json"
    if not file.exists():
        report = Report(protocol, [], folder_of(PHOTOS), None, [command])
        write(report, folder)
        return report
    report = read(file)
    theirs = {key: value for key, value in report.protocol.items() if not key.endswith(BY_FIDELITY)}
    same_protocol(protocol, theirs, file)
    return replace(report, commands=list(dict.fromkeys([*report.commands, command])))


def _rescored(evaluator: Evaluator, row: Row, pictures: Path) -> Rescored:
    print(f"torch-fidelity: {row.name}", flush=True)
    found = rescored(pictures, evaluator.folder / folder_of(CARTOONS), evaluator.network, evaluator.device)
    agree(row, found)
    return found


def _written(report: Report, folder: Path) -> Report:
    if ranks.rank() == 0:
        systems = {row.name: kept(folder, row) for row in report.rows if row.kind == "system"}
        report = replace(report, undecided=undecided(systems))
        write(report, folder)
    return ranks.agreed(report)
