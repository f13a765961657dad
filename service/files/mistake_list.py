"""The mistakes of a dataset: the first hundred, and how many more there are."""

from domain.errors import InvalidFiles
from domain.mistakes import Mistake

LISTED_MISTAKES = 100


class MistakeList:
    """Gathers the mistakes of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._listed: list[Mistake] = []
        self._more = 0

    def add(self, message: str, line: int | None = None, field: str | None = None) -> None:
        """Note a mistake."""
        self.extend([Mistake(message, self.file, line, field)])

    def extend(self, mistakes: list[Mistake]) -> None:
        """Note mistakes."""
        room = LISTED_MISTAKES - len(self._listed)
        self._listed += mistakes[:room]
        self._more += len(mistakes[room:])

    def count(self, more: int) -> None:
        """Note mistakes that are not to be listed."""
        self._more += more

    def __bool__(self) -> bool:
        return bool(self._listed)

    @property
    def is_full(self) -> bool:
        """Tell whether further mistakes are only counted."""
        return len(self._listed) == LISTED_MISTAKES

    def raise_any(self) -> None:
        """Raise InvalidFiles if there is a mistake."""
        listed = sorted(self._listed, key=lambda mistake: mistake.line or 0)
        if self._more:
            listed.append(Mistake(f"and {self._more} more mistakes", self.file))
        if listed:
            raise InvalidFiles(listed)
