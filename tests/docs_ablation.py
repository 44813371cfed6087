"""The table and the figure of docs/ablation.md, made anew: `python -m tests.docs_ablation RESULTS`.

RESULTS is a store that `snoopbench ablation` filled. The prose is left as it is.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from harness.report.ablation import NAMES, attack_name, stored_ablation, verdict
from harness.report.figure_ablation import draw_ablation
from harness.report.figures import style
from harness.studies.mechanisms import MECHANISMS

PAGE = Path(__file__).parent.parent / "docs" / "ablation.md"
FIGURE = PAGE.parent / "figures" / "ablation.png"
PART = re.compile(r"(<!-- table -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| mechanism | source | attack | measure | off | on | Holm p | bound off | bound on | met |"
NOTHING = "–"
DPI = 200


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each mechanism; one that is not stored, or has fewer trials than its own number, says so."""
    found = {(row["mechanism"], row["attack"]): row for row in rows}
    lines = [HEAD, "|---" * HEAD.count(" | ") + "|---|"]
    for one in MECHANISMS:
        name, kind = attack_name(one.attack)
        known = [one.name, one.source, f"{name} ({kind})" if kind else name, NAMES[one.measure]]
        row = found.get((one.name, one.attack))
        lines.append(f"| {' | '.join(known + (_measured(row, one.trials) if row else [NOTHING] * 6))} |")
    return "\n".join(lines)


def _measured(row: dict[str, Any], trials: int) -> list[str]:
    few = "" if row["trials"] == trials else f", {row['trials']} trials"
    sides = [_number(row[side]) + _ends(row[f"{side}_ci"]) + few for side in ("off", "on")]
    bounds = [
        _number(row[name]) + (" (elsewhere)" if row[f"{name}_met"] is False else "") for name in ("bound_off", "bound")
    ]
    return [*sides, f"{row['holm_p']:.0e}", *bounds, verdict(row)]


def _ends(interval: list[float] | None) -> str:
    return f" ({' … '.join(_number(end) for end in interval)})" if interval else ""


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def main(results: str) -> None:
    rows = stored_ablation(results)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PART.sub(lambda found: f"{found[1]}{table(rows)}\n{found[2]}", text), encoding="utf-8")
    with style():
        figure = draw_ablation(rows)
        assert figure is not None
        figure.savefig(FIGURE, dpi=DPI, metadata={"Software": None})


if __name__ == "__main__":
    main(sys.argv[1])
