"""The page of a data set's report: one HTML file that needs no other file and no network."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from portrait_cartoons.preparation.layout import FOLDERS
from portrait_cartoons.preparation.look import BINS, MEASURES, Look
from portrait_cartoons.preparation.remarks import remarks
from portrait_cartoons.preparation.report import DOMAINS, Group, Report, median
from portrait_cartoons.preparation.sheet import contact_sheet, sample, thumbnail
from portrait_cartoons.preparation.splits import SPLITS

_SHOWN = 100  # rows of a list; a hostile folder must not make the page endless
_PAIRS = 24
_STRIP = 24  # pictures of each group


def page(report: Report) -> str:
    """HTML. All texts are escaped: names of files are untrusted."""
    looks = list(report.looks)
    bad = [(look.name, look.reason) for look in looks if look.reason]
    odd = [(look.name, look.facts.note) for look in looks if look.facts and look.facts.note]
    return Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8")).substitute(
        name=_text(report.root.resolve().name),
        summary=f"{len(looks)} pictures, {_megabytes(looks)} MB",
        remarks="".join(f"<li{' class=bad' if bad else ''}>{_text(line)}</li>" for line, bad in remarks(report)),
        groups="".join(map(_group, report.groups)) + "".join(_companions(report)),
        domains="".join(f'<th class="number {domain}">{domain}s</th>' for domain in _present(report)),
        measures="".join(_measures(report)),
        histograms="".join(_histogram(report, name) for name in ("lightness", "saturation")),
        sheets="".join(map(_sheet, filter(lambda group: group.readable, report.groups))),
        pairs=_section("Pictures that show the same", "".join(_pairs(report))),
        suspicious=_list("Unreadable and suspicious files", bad + odd),
        left_out=_list("What preparation left out", report.left_out),
    )


def _group(group: Group) -> str:
    sides = [min(look.facts.width, look.facts.height) for look in group.readable if look.facts]
    formats = Counter(look.facts.format for look in group.readable if look.facts)
    return _row(
        group.folder or "–",
        group.split or "–",
        len(group.looks),
        len(group.looks) - len(group.readable),
        f"{median(sides):.0f} ({min(sides)} to {max(sides)})" if sides else "–",
        ", ".join(f"{name} {count}" for name, count in formats.most_common()),
        _megabytes(group.looks),
    )


def _companions(report: Report) -> Iterator[str]:
    order = [(folder, split) for folder in FOLDERS for split in (*SPLITS, "")]
    for (folder, split), count in sorted(report.companions.items(), key=lambda item: order.index(item[0])):
        yield _row(folder, split or "–", count, "", "", "", "")


def _row(folder: str, split: str, count: int, unreadable: object, sides: str, formats: str, size: str) -> str:
    texts = f"<td>{_text(folder)}</td><td>{_text(split)}</td>"
    numbers = f'<td class="number">{count}</td><td class="number">{unreadable}</td>'
    return f'<tr>{texts}{numbers}<td>{sides}</td><td>{_text(formats)}</td><td class="number">{size}</td></tr>'


def _measures(report: Report) -> Iterator[str]:
    for name, meaning in MEASURES.items():
        values = (np.mean([look.values[name] for look in _of(report, domain)]) for domain in _present(report))
        cells = "".join(f'<td class="number">{value:.1f}</td>' for value in values)
        yield f'<tr><td>{name}</td>{cells}<td class="soft">{meaning}</td></tr>'


def _histogram(report: Report, name: str) -> str:
    curves = {d: np.mean([look.histograms[name] for look in _of(report, d)], 0) for d in _present(report)}
    highest = max((curve.max() for curve in curves.values()), default=1.0)
    lines = "".join(
        f'<polyline class="{domain}" points="'
        + " ".join(f"{100 * n / (BINS - 1):.1f},{40 - 38 * value / highest:.1f}" for n, value in enumerate(curve))
        + '"/>'
        for domain, curve in curves.items()
    )
    drawing = f'<svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="{name}">{lines}</svg>'
    return f"<figure>{drawing}<figcaption>{name}, 0 to 100, share of the pixels</figcaption></figure>"


def _sheet(group: Group) -> str:
    folder = Path(group.looks[0].root)
    paths = sample((folder / look.name for look in group.readable), _STRIP)
    title = " ".join(part for part in (group.folder, group.split) if part) or "pictures"
    image = f'<img alt="{_text(title)}" src="{_uri(Image.fromarray(contact_sheet(paths, 12)))}">'
    return f'<div class="card"><p class="soft">{_text(title)}</p>{image}</div>'


def _pairs(report: Report) -> Iterator[str]:
    for one, other, leaks in sorted(report.pairs, key=lambda pair: not pair[2])[:_PAIRS]:
        images = "".join(f'<img alt="" src="{_uri(thumbnail(look.root / look.name, 96))}"> ' for look in (one, other))
        how = "the same file" if one.sha256 == other.sha256 else "alike"
        words = f"{how}{', in two splits' if leaks else ''}: {one.name} and {other.name}"
        yield f'<tr><td class="pair">{images}</td><td>{_text(words)}</td></tr>'
    if (more := len(report.pairs) - _PAIRS) > 0:
        yield f"<tr><td></td><td>and {more} more</td></tr>"


def _list(title: str, items: list[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><td>{_text(name)}</td><td>{_text(reason)}</td></tr>" for name, reason in items[:_SHOWN])
    more = f"<tr><td>and {len(items) - _SHOWN} more</td><td></td></tr>" if len(items) > _SHOWN else ""
    return _section(title, rows + more)


def _section(title: str, rows: str) -> str:
    return f'<h2>{title}</h2><div class="card"><table><tbody>{rows}</tbody></table></div>' if rows else ""


def _present(report: Report) -> list[str]:
    """The domains there are; pictures of neither count as photos."""
    return [domain for domain in DOMAINS if _of(report, domain)]


def _of(report: Report, domain: str) -> list[Look]:
    groups = (group for group in report.groups if (group.folder or "photo") == domain)
    return [look for group in groups for look in group.readable]


def _megabytes(looks: Iterable[Look]) -> str:
    return f"{sum(look.bytes for look in looks) / 1e6:.1f}"


def _uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def _text(text: str) -> str:
    """Escaped; bytes of file names that are no text become question marks."""
    return escape(text.encode("utf-8", "replace").decode())
