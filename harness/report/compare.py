"""Stored benchmarks held against one another: per-trial κ_reach, pair by pair.

Trials of one seed and number share data, salt and victims in all benchmarks. Welch's test takes the two samples as
independent all the same; where a draw that is easy in one benchmark is easy in the other, that errs on the side of
seeing no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, Literal

from rich.console import Console

from harness import stats
from harness.report.stored import Setting, Stored, name_of
from harness.report.summary import LEAST_TRIALS
from harness.report.tables import NOTHING, counted, text_table
from harness.seeds import generator

By = Literal["defense", "attack"]

LEVEL = 0.05  # below it, a Holm-corrected p is called a difference
_REFERENCES = ("none", "guess")  # stand second in a pair


def compare(found: Sequence[Stored], by: By = "defense", against: str | None = None) -> list[dict[str, Any]]:
    """All pairs of each family: benchmarks of one setting that share the attack and differ in the defense, or the
    other way round.

    `against`: only the pairs with this spec as their second. Holm's correction covers the pairs of the family that are
    tested. What is not defined is None; the keys are those of `snoopbench compare --json`. The bootstrap interval needs
    5 trials a side: resamples of fewer values say little of what a sixth would be.
    """
    families: dict[tuple[str, Setting], list[Stored]] = defaultdict(list)
    for one in found:
        families[one.attack if by == "defense" else one.defense, one.setting].append(one)
    if against is not None:
        against = name_of("defenses" if by == "defense" else "attacks", against, {getattr(one, by) for one in found})
    compared = []
    for (shared, setting), members in families.items():
        pairs = [_pair(a, b, by) for a, b in _pairs(members, by, against)]
        family = {
            "by": by,
            "attack": shared if by == "defense" else None,
            "defense": shared if by == "attack" else None,
            **setting._asdict(),
            "pairs": sum(pair["p"] is not None for pair in pairs),
        }
        for pair, corrected in zip(pairs, stats.holm([pair["p"] for pair in pairs]), strict=True):
            full = {"family": family, **pair, "p_holm": corrected}
            compared.append({**full, "sentence": _sentence(full)})
    return compared


def _pairs(members: Sequence[Stored], by: By, against: str | None) -> Iterable[tuple[Stored, Stored]]:
    """In the order of their names, with `none` and `guess`, or what is asked for, as the second."""

    def place(one: Stored) -> tuple[bool, bool, str]:
        name = getattr(one, by)
        return name == against, name in _REFERENCES, name

    for a, b in combinations(sorted(members, key=place), 2):
        if against is None or getattr(b, by) == against:
            yield a, b


def _pair(a: Stored, b: Stored, by: By) -> dict[str, Any]:
    first, second = a.kappa_reach, b.kappa_reach
    mean_a, mean_b = stats.mean(first), stats.mean(second)
    test = stats.welch(first, second)
    interval = None
    if min(len(first), len(second)) >= LEAST_TRIALS:
        names = (a.defense, a.attack, b.defense, b.attack, *(str(part) for part in a.setting))
        interval = stats.bootstrap_interval(first, second, generator("compare", *names))
    return {
        "a": getattr(a, by),
        "b": getattr(b, by),
        "mean_a": mean_a,
        "mean_b": mean_b,
        "trials_a": len(first),
        "trials_b": len(second),
        "failed_a": a.failed,
        "failed_b": b.failed,
        "unscored_a": len(a.records) - a.failed - len(first),
        "unscored_b": len(b.records) - b.failed - len(second),
        "seeds_a": list(a.seeds),
        "seeds_b": list(b.seeds),
        "difference": None if mean_a is None or mean_b is None else mean_a - mean_b,
        "difference_ci": None if interval is None else [interval.low, interval.high],
        "t": test.t,
        "df": test.df,
        "p": test.p,
        "g": stats.hedges_g(first, second),
    }


def _where(family: dict[str, Any]) -> str:
    setting = Setting(**{name: family[name] for name in Setting._fields})
    return f"Against {family['attack'] or family['defense']} on {setting}"


def _sentence(pair: dict[str, Any]) -> str:
    """The comparison as a sentence that can be quoted."""
    a, b, family = pair["a"], pair["b"], pair["family"]
    where = _where(family)
    trials = f"{pair['trials_a']} and {counted(pair['trials_b'], 'trial')}{_left_out(pair)}"
    if pair["p"] is None:
        return f"{where}, {a} and {b} cannot be compared: there are {trials}, and the test needs 2 each."
    verb = "leaks" if family["by"] == "defense" else "learns"
    if pair["p_holm"] < LEVEL:
        verdict = f"{a} {verb} {'less' if pair['difference'] < 0 else 'more'} than {b}"
    elif pair["t"] is None and pair["p"] == 1:
        verdict = f"{a} and {b} {verb[:-1]} the same"
    else:
        verdict = f"{a} and {b} cannot be told apart"
    interval = pair["difference_ci"]
    spread = f" [95 % bootstrap {', '.join(decimal(end) for end in interval)}]" if interval else ""
    if pair["t"] is None:
        test = f"no variance, permutation {_p(pair['p'])}"
    else:
        test = f"Welch t({pair['df']:.1f}) = {decimal(pair['t'], 1)}, {_p(pair['p'])}"
    size = "" if pair["g"] is None else f", g = {decimal(pair['g'], 1)}"
    return (
        f"{where}, {verdict}: κ_reach {decimal(pair['mean_a'])} against {decimal(pair['mean_b'])}, a difference of "
        f"{decimal(pair['difference'])}{spread} ({test}, Holm {_p(pair['p_holm'])} over "
        f"{counted(family['pairs'], 'pair')}{size}; {trials})."
    )


def _left_out(pair: dict[str, Any]) -> str:
    counts = ((pair[f"{why}_a"] + pair[f"{why}_b"], text) for why, text in
              (("failed", "failed"), ("unscored", "without a score")))  # fmt: skip
    return "".join(f", {count} more {text}" for count, text in counts if count)


def decimal(value: float | None, places: int = 2) -> str:
    """A number with a true minus sign and no −0."""
    if value is None:
        return NOTHING
    return f"{round(value, places) + 0.0:.{places}f}".replace("-", "−")


def _p(p: float | None) -> str:
    if p is None:
        return NOTHING
    return "p < 1e-300" if p < 1e-300 else f"p = {p:.2g}"


def print_comparisons(compared: Sequence[dict[str, Any]], out: Console) -> None:
    """A table for each family, and below it a sentence for each pair."""
    families: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for pair in compared:
        families[id(pair["family"])].append(pair)
    for pairs in families.values():
        out.print(_where(pairs[0]["family"]), style="bold", markup=False)
        table = text_table("a and b", "κ_reach", "a − b", "95 %", "p", "Holm p", "g", "trials")
        table.leading = 1
        for column in table.columns[1:]:
            column.no_wrap = True
        for pair in pairs:
            interval = pair["difference_ci"]
            table.add_row(
                f"{pair['a']}\n{pair['b']}",
                f"{decimal(pair['mean_a'])}\n{decimal(pair['mean_b'])}",
                decimal(pair["difference"]),
                NOTHING if interval is None else " … ".join(decimal(end) for end in interval),
                *(_p(pair[name]).removeprefix("p = ").removeprefix("p ") for name in ("p", "p_holm")),
                decimal(pair["g"], 1),
                f"{pair['trials_a']}\n{pair['trials_b']}",
            )
        out.print(table)
        for pair in pairs:
            out.print(pair["sentence"], markup=False)
        out.print()
