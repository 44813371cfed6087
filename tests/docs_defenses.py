"""The measured parts of docs/defenses.md, written anew: `python -m tests.docs_defenses RESULTS`.

RESULTS is a store that the commands at the top of the page filled. Prose is left as it is: a section's measured part
stands between two comments, the first of which names the defense by its canonical spec.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from defenses import BUILTIN
from harness import registry
from harness.report.figures import style
from harness.report.properties import acts_on, share, shipped
from harness.report.stored import Stored, read

PAGE = Path(__file__).parent.parent / "docs" / "defenses.md"
FIGURES = PAGE.parent / "figures" / "defenses"
ATTACKS = ("intersection", "averaging", "difference", "guess")
DATASET = "employees"
SECRETS = {"salary_band": ATTACKS, "salary": ("intersection",)}  # the first is the dataset's default
DEFAULT = "salary_band"
TRIALS = 20  # a cell of fewer says so
DPI = 120
PART = re.compile(r"<!-- (measured|attacks): (.+?) -->\n.*?<!-- end -->", re.DOTALL)
NOTHING = "–"


def spec_of(name: str) -> str:
    return registry.defense(name)[1]


def attacks_part(found: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    """All defenses in one table, against the default secret."""
    rows = [
        f"| [{name}](#{name}) | " + " | ".join(_cell(found, name, attack, DEFAULT) for attack in ATTACKS) + " |"
        for name in sorted(BUILTIN)
    ]
    return "\n".join([f"| κ_reach | {' | '.join(ATTACKS)} |", "|---" * (len(ATTACKS) + 1) + "|", *rows])


def measured_part(found: dict[tuple[str, str, str], dict[str, Any]], name: str) -> str:
    rows = [
        f"| κ_reach, `{secret}` | " + " | ".join(_cell(found, name, attack, secret) for attack in ATTACKS) + " |"
        for secret in SECRETS
    ]
    cost = found[name, "intersection", DEFAULT]["utility"]
    error = f"{_percent(cost['median_relative_error'])} (90th percentile {_percent(cost['p90_relative_error'])})"
    unanswered = (
        f"{_percent(cost['suppressed'])} of the cells suppressed, {_percent(cost['refused'])} of the queries refused"
    )
    return "\n".join(
        [
            f"| | {' | '.join(ATTACKS)} |",
            "|---" * (len(ATTACKS) + 1) + "|",
            *rows,
            "",
            *properties_lines(name),
            f"- Workload: median error {error}; {unanswered}.",
            "",
            f"![Error against query-set size under {name}](figures/defenses/{name}.png)",
        ]
    )


def properties_lines(name: str) -> list[str]:
    """What `harness/report/properties.json` says of a defense."""
    row = shipped()[spec_of(name)]
    same, cost = row["same_answer"], row["every_query"]
    more = "; ".join(
        f"{word} {_trend(row['more_accurate'][key])}" for key, word in (("count", "counts"), ("avg", "averages"))
    )
    return [
        f"- Same answer: {share(same['again'])} asked again, {share(same['another_session'])} in another session, "
        f"{share(same['another_analyst'])} by another analyst.",
        f"- More accurate with more records: {more}.",
        f"- Every query answered: {share(cost['refused'])} of the queries refused, "
        f"{share(cost['suppressed'])} of the cells suppressed.",
        f"- Acts on: {acts_on(row)}.",
    ]


def _trend(found: dict[str, Any]) -> str:
    if found["verdict"] is None:
        return "not answered"
    if found["verdict"] == "exact":
        return "exact"
    slope = "" if found["slope"] is None else f", slope {_signed(found['slope'])}"
    return f"{found['verdict']} (ρ {_signed(found['rho'])}{slope})"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"


def _cell(found: dict[tuple[str, str, str], dict[str, Any]], name: str, attack: str, secret: str) -> str:
    if attack not in SECRETS[secret]:
        return NOTHING
    result = found[name, attack, secret]
    done = result["trials"] - result["failed_trials"]
    ends = " … ".join(_signed(value) for value in result["kappa_reach_ci"] or ())
    interval = f" ({ends})" if ends else ""  # of fewer than five trials there is none
    return _signed(result["kappa_reach"]) + interval + ("" if done == TRIALS else f", {done} trials")


def written(text: str, found: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    """The page with its measured parts anew."""

    def part(match: re.Match[str]) -> str:
        kind, told = match.groups()
        if kind == "attacks":
            specs = ", ".join(registry.attack(attack)[1] for attack in ATTACKS)
            return f"<!-- attacks: {specs} -->\n{attacks_part(found)}\n<!-- end -->"
        name = told.partition(":")[0]
        return f"<!-- measured: {spec_of(name)} -->\n{measured_part(found, name)}\n<!-- end -->"

    return PART.sub(part, text)


def draw(stored: list[Stored]) -> None:
    from harness.report.figure_sizes import draw_sizes

    FIGURES.mkdir(parents=True, exist_ok=True)
    for name in sorted(BUILTIN):
        with style():
            figure = draw_sizes([one for one in stored if one.defense == name and one.setting.secret == DEFAULT])
            if figure is not None:
                figure.suptitle("")
                figure.savefig(FIGURES / f"{name}.png", dpi=DPI, metadata={"Software": None})


def main(results: str) -> None:
    stored, _ = read(results, {"datasets": [DATASET]}, tuple(SECRETS))
    found = {(one.defense, one.attack, one.setting.secret): one.summary() for one in stored}
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    draw(stored)


if __name__ == "__main__":
    main(sys.argv[1])
