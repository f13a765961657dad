"""Numbers as a reader should see them: short, but never so that rounding hides a decision."""

from decimal import Decimal

from domain.statistics import TOLERANCE, reaches

SHORTEST = 2
LONGEST = 10  # one digit past TOLERANCE: whatever a threshold keeps apart differs there


def shown_threshold(threshold: float) -> str:
    """Write a threshold as it was set, with two decimals at least."""
    return next(
        text
        for digits in range(SHORTEST, LONGEST + 1)
        if _is_exact(text := f"{threshold:.{digits}f}", threshold, digits)
    )


def shown(score: float, threshold: float) -> str:
    """Write a score with two decimals, or as many as keep it on its side of the threshold and apart from 0 and 1."""
    mark, passes = Decimal(shown_threshold(threshold)), reaches(score, threshold)
    for digits in range(SHORTEST, LONGEST):
        text = f"{score:.{digits}f}"
        if (Decimal(text) >= mark) == passes and not _is_falsely_whole(text, score):
            return text
    return f"{score:.{LONGEST}f}"


def shown_delta(score: float, threshold: float) -> str:
    """Write how far a score is from its threshold, such as `-0.08`; never as nothing."""
    for digits in range(SHORTEST, LONGEST):
        text = f"{score - threshold:+.{digits}f}"
        if Decimal(text):
            return text
    return f"{score - threshold:+.{LONGEST}f}"


def shown_signed(difference: float) -> str:
    """Write a difference or a bound of one, such as `-0.035`; only 0 is written as nothing."""
    if abs(difference) <= TOLERANCE:
        return "0"
    return next(text for digits in range(3, LONGEST + 1) if float(text := f"{difference:+.{digits}f}"))


def shown_p(p_value: float) -> str:
    """Write a p-value: three decimals, or how small it is at most."""
    return f"{p_value:.3f}" if p_value >= 0.001 else "<0.001"


def shown_seconds(seconds: float) -> str:
    """Write a duration: `0.4 s`, `43 s`, `2 min 5 s`, `1 h 0 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def shown_cost(cost: float) -> str:
    """Write an amount of money, in the currency of the harness's prices: cents, or what is below them."""
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.2g}" if cost < 0.0001 else f"{cost:.4f}"


def repeats_of(
    pass_at_k: list[float] | float | None, pass_all_k: list[float] | float | None, disagree: float | None
) -> str:
    """Write what repeats tell of a row: `pass@1 0.70, pass@2 0.85; all@1 0.70, all@2 0.55; 30% disagree`."""
    parts = [_by_k("pass", pass_at_k), _by_k("all", pass_all_k), "" if disagree is None else f"{disagree:.0%} disagree"]
    return "; ".join(filter(None, parts))


def _by_k(name: str, values: list[float] | float | None) -> str:
    if not isinstance(values, list):
        return "" if values is None else f"{name}@k {values:.2f}"
    return ", ".join(f"{name}@{k} {value:.2f}" for k, value in enumerate(values, start=1))


def counted(number: int, noun: str) -> str:
    """Write a number of things: `1 example`, `1,200 examples`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _is_exact(text: str, value: float, digits: int) -> bool:
    return digits == LONGEST or float(text) == value


def _is_falsely_whole(text: str, value: float) -> bool:
    return Decimal(text) in (0, 1) and abs(value - float(text)) > TOLERANCE
