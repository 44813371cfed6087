"""Tables 4.1 to 4.4 of Nielson's dissertation worked out: ten records, and what each kind of perturbation did to them.

The perturbed values are printed there and taken as they stand. Everything that follows from them (errors, means,
standard deviations) is computed here and held against what is printed; a printed number is right where the computed one
rounds to it.

Source: Nielson's dissertation, chapter 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

RECORDS = (6, 4, 2, 10, 5, 1, 3, 9, 8, 7)  # in the order of Tables 4.2 to 4.4
DATA = (81, 91, 92, 94, 100, 101, 103, 103, 113, 122)


@dataclass(frozen=True)
class Example:
    """A printed table: its perturbed values in the order of DATA (4.1 has one perturbed answer, the mean, and no
    perturbed record), its errors, and by measure its last lines."""

    table: str
    caption: str
    method: str
    perturbed: tuple[int, ...]
    errors: tuple[int, ...]
    printed: dict[str, float]
    notes: tuple[str, ...]
    answer: float | None = None


MEAN, SD = "mean of the data", "s of the data"
P_MEAN, P_SD = "mean of the perturbed data", "s of the perturbed data"
E_MEAN, E_SD = "mean error of a record", "s of the errors"
ANSWER, ANSWER_ERROR = "perturbed answer P", "error of the answer, |D − P|"

EXAMPLES = (
    Example(
        "4.1",
        "Example of Small Table with Output Perturbation",
        "output-perturbation",
        (),
        (),
        {MEAN: 100, SD: 11.6, ANSWER: 85},
        ("The answer is changed and no record is: 85 = 100 · (1 − 0.15), within ± 20 %.",),
        answer=85.0,
    ),
    Example(
        "4.2",
        "Example of Small Table with 20% Data Perturbation",
        "data-perturbation",
        (96, 95, 79, 89, 114, 105, 120, 106, 129, 120),
        (15, 4, 13, 5, 14, 4, 17, 3, 16, 2),
        {MEAN: 100, SD: 11.6, P_MEAN: 105.3, P_SD: 15.7, E_MEAN: 9.3, E_SD: 6.1},
        (
            'The printed column is headed "Output Perturbed"; what it holds is data perturbation.',
            "Each record changes by less than 20 %.",
        ),
    ),
    Example(
        "4.3",
        "Example of Small Table with Liew perturbation",
        "liew",
        (87, 93, 97, 99, 99, 101, 105, 115, 118, 121),
        (6, 2, 5, 5, 1, 0, 2, 12, 5, 1),
        {MEAN: 100, SD: 11.6, P_MEAN: 103.5, P_SD: 11.1, E_MEAN: 3.9, E_SD: 3.5},
        ("Each record gets the value of its rank in a sample, whose mean and s differ from the data's by chance.",),
    ),
    Example(
        "4.4",
        "Example of Small Table with Nielson perturbation",
        "nielson",
        (72, 81, 81, 76, 116, 86, 83, 89, 98, 106),
        (9, 10, 11, 18, 16, 15, 20, 14, 15, 16),
        {MEAN: 100, SD: 11.6, P_MEAN: 88.8, P_SD: 13.8, E_MEAN: 14.4, E_SD: 3.5},
        (
            "α and β are not named. All changes lie between 10 % and 20 %: these are not the α = 2.09 and β = 1.18 of "
            "the experiment, under which every record would change by more than its own value.",
        ),
    ),
)


def examples() -> list[dict[str, Any]]:
    """A dict a table: its records (data, perturbed, error and relative change of each, with the error as printed) and
    its measures, each with the printed value and whether that is right; None where nothing is printed."""
    return [
        {
            "table": example.table,
            "caption": example.caption,
            "method": example.method,
            "records": list(_records(example)),
            "measures": list(_measures(example)),
            "notes": list(example.notes),
        }
        for example in EXAMPLES
    ]


def _records(example: Example) -> Iterator[dict[str, Any]]:
    for i, (record, value) in enumerate(zip(RECORDS, DATA, strict=True)):
        row: dict[str, Any] = {"record": record, "data": value}
        row |= dict.fromkeys(("perturbed", "error", "error_printed", "change"))
        if example.perturbed:
            change = example.perturbed[i] - value
            row |= {"perturbed": example.perturbed[i], "error": abs(change), "error_printed": example.errors[i]}
            row["change"] = change / value
        yield row


def _measures(example: Example) -> Iterator[dict[str, Any]]:
    data = np.array(DATA, dtype=np.float64)
    found = {MEAN: data.mean(), SD: data.std(ddof=1)}
    if example.answer is not None:
        found |= {ANSWER: example.answer, ANSWER_ERROR: abs(data.mean() - example.answer)}
    else:
        perturbed = np.array(example.perturbed, dtype=np.float64)
        errors = np.abs(perturbed - data)
        found |= {P_MEAN: perturbed.mean(), P_SD: perturbed.std(ddof=1)}
        found |= {E_MEAN: errors.mean(), E_SD: errors.std(ddof=1)}
        found[ANSWER_ERROR] = abs(data.mean() - perturbed.mean())
    for measure, value in found.items():
        printed = example.printed.get(measure)
        right = None if printed is None else bool(round(float(value), 1) == printed)
        yield {"measure": measure, "value": float(value), "printed": printed, "right": right}
