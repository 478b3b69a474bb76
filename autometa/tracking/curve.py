"""The curve of the best value, which never turns back although trials end out of order."""

from __future__ import annotations

from bisect import bisect, insort


class BestCurve:
    """What the parent run shows as best so far at each trial number.

    With several workers #7 may end after #8. What #7 improves was not known at #8, so it shows
    from the next number on; #7 itself shows what #8 knew.

    Example:
        >>> curve = BestCurve()
        >>> [curve.place(n, best) for n, best in [(0, 0.5), (2, 0.4), (1, 0.3), (3, 0.3)]]
        [0.5, 0.4, 0.4, 0.3]
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._shown: dict[int, float | None] = {}
        self._known: float | None = None

    def place(self, number: int, best: float | None) -> float | None:
        """Takes the best known after a trial was told; gives what is shown at its number.

        Args:
            number: Of a trial that was not placed before.
            best: Best feasible value, or None while there is none.
        """
        self._known = best
        following = bisect(self._numbers, number)
        if following < len(self._numbers):
            best = self._shown[self._numbers[following]]
        insort(self._numbers, number)
        self._shown[number] = best
        return best

    def end(self) -> tuple[int, float] | None:
        """Gives the last number and the best value, if the curve does not end with it already."""
        if self._known is None or self._shown[self._numbers[-1]] == self._known:
            return None
        return self._numbers[-1], self._known
