"""Two recordings of one scenario: where they differ first, and how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.compat.oracle.normal import Names, normal
from tests.compat.oracle.plain import Plain


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and what came back; for what is no request, `api` says what was looked at."""

    api: str
    version: int
    request: Plain
    answer: Plain


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which the brokers do not agree."""

    exchange: int
    path: str
    ours: Plain
    kafkas: Plain

    def __str__(self) -> str:
        return f"#{self.exchange} {self.path}: {_short(self.ours)} instead of {_short(self.kafkas)}"


def _short(value: Plain) -> str:
    text = repr(value)
    return text if len(text) <= 150 else text[:147] + "..."


MISSING = "nothing"


class Comparison:
    """Compares two records as they grow. Owns the names of both brokers' ids."""

    def __init__(self, may_differ: Mapping[str, str] | None = None) -> None:
        self._names = Names(), Names()
        self._may_differ = may_differ
        self._compared = 0

    def difference(self, ours: Sequence[Exchange], kafkas: Sequence[Exchange]) -> Difference | None:
        """Return the first field that differs in what is new in the records."""
        return next(self.differences(ours, kafkas), None)

    def differences(self, ours: Sequence[Exchange], kafkas: Sequence[Exchange]) -> Iterator[Difference]:
        """Yield every field that differs, and may not, in what is new in the records."""
        both = min(len(ours), len(kafkas))
        for index in range(self._compared, both):
            self._compared = index + 1
            our, their = ours[index], kafkas[index]
            if (our.api, our.version) != (their.api, their.version):
                yield Difference(index, "the request", f"{our.api} v{our.version}", f"{their.api} v{their.version}")
                return
            left = normal(our.api, our.answer, self._names[0], self._may_differ)
            right = normal(their.api, their.answer, self._names[1], self._may_differ)
            for path, one, other in _walk(f"{our.api} v{our.version}", left, right):
                yield Difference(index, path, one, other)
        if len(ours) != len(kafkas):
            yield Difference(both, "the number of exchanges", len(ours), len(kafkas))


def _walk(path: str, left: Plain, right: Plain) -> Iterator[tuple[str, Plain, Plain]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in {**left, **right}:
            yield from _walk(f"{path}.{name}", left.get(name, MISSING), right.get(name, MISSING))
    elif isinstance(left, list) and isinstance(right, list):
        for index in range(max(len(left), len(right))):
            yield from _walk(f"{path}[{index}]", _at(left, index), _at(right, index))
    elif left != right:
        yield path, left, right


def _at(values: list[Plain], index: int) -> Plain:
    return values[index] if index < len(values) else MISSING
