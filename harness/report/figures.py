"""Figures of stored benchmarks and studies, each as PDF, SVG and PNG of the width of a column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError
from harness.report.figure_cost import draw_cost
from harness.report.figure_fitness import pages
from harness.report.figure_kappa import draw_kappa
from harness.report.figure_membership import draw_membership
from harness.report.figure_sizes import draw_sizes
from harness.report.figure_utility import draw_utility
from harness.report.stored import Setting, Stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("snoopbench.mplstyle")
LONGEST_NAME = 100

# Without them, the same numbers give the same bytes.
_UNDATED: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
_KINDS: dict[str, Callable[[Sequence[Stored]], Figure | None]] = {
    "kappa": draw_kappa,
    "utility": draw_utility,
    "sizes": draw_sizes,
}


def draw(found: Sequence[Stored], kinds: Sequence[str], out: str) -> list[str]:
    """Draw each kind for each setting in which something was measured; gives the paths of the files.

    The folder `out` is made where it is missing. Raises StoreError where it cannot be written.
    """
    files = []
    settings = sorted({one.setting for one in found})
    names = _file_names(settings)
    for kind in dict.fromkeys(kinds):
        for setting in settings:
            with style():
                figure = _KINDS[kind]([one for one in found if one.setting == setting])
                if figure is not None:
                    files += _save(figure, Path(out), f"{kind}-{names[setting]}")
    return files


def draw_fitness(rows: Sequence[dict[str, Any]], out: str) -> list[str]:
    """Draw Figures 4.1 to 4.10 of Nielson's dissertation from the rows of the study `fitness-figures`; gives the paths
    of the files. Raises StoreError where the folder `out` cannot be written."""
    with style():
        return [file for name, figure, dpi in pages(rows) for file in _save(figure, Path(out), name, dpi)]


def draw_costs(rows: Sequence[dict[str, Any]], out: str) -> list[str]:
    """Draw the rows of `snoopbench cost`; gives the paths of the files, none where nothing was timed. Raises
    StoreError."""
    with style():
        figure = draw_cost(rows)
        return _save(figure, Path(out), "cost") if figure is not None else []


def draw_powers(rows: Sequence[dict[str, Any]], out: str) -> list[str]:
    """Draw the rows of the study `membership`; gives the paths of the files. Raises StoreError."""
    with style():
        return _save(draw_membership(rows), Path(out), "membership")


def _save(figure: Figure, folder: Path, name: str, dpi: float | None = None) -> list[str]:
    files = []
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, it is the same in every format
    _settle(figure)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, undated in _UNDATED.items():
            files.append(str(folder / f"{name}.{ending}"))
            figure.savefig(files[-1], metadata=undated, dpi=dpi or "figure")
    except OSError as error:
        raise StoreError(f"The figures cannot be written to {folder}: {error.strerror}.") from error
    return files


def _settle(figure: Figure) -> None:
    """Round all places to a millionth of the figure: the layout's solver gives other last digits in another process."""
    import numpy as np

    for part in figure.subfigs:
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), 6))
    for axes in figure.axes:
        left, bottom, width, height = np.round(axes.get_position(original=True).bounds, 6).tolist()
        axes.set_position((left, bottom, width, height))
    for owner in (figure, *figure.subfigs):
        for text in owner.texts:
            across, up = np.round(text.get_position(), 6).tolist()
            text.set_position((across, up))


@contextmanager
def style() -> Iterator[None]:
    """Our style on matplotlib's defaults, whatever the user's own settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(matplotlib.rc_params_from_file(STYLE, use_default_template=False))
        yield


def _file_names(settings: Sequence[Setting]) -> dict[Setting, str]:
    """For each setting a name that says what it is, of characters that need no quotes anywhere. Where that makes two
    settings the same, or is too long, a digest tells them apart."""
    names = {setting: re.sub(r"[^\w]+", "-", str(setting), flags=re.ASCII).strip("-") for setting in settings}
    plain = list(names.values())
    for setting, name in names.items():
        if plain.count(name) > 1 or len(name) > LONGEST_NAME:
            digest = hashlib.blake2b(repr(tuple(setting)).encode(), digest_size=4).hexdigest()
            names[setting] = f"{name[:LONGEST_NAME]}-{digest}"
    return names
