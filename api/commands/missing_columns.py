"""Names a column that a file lacks once, and not with each of its rows."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from infrastructure.mappings.columns import missing_columns
from infrastructure.mappings.mapping import MappedDelivery

MOST_LINES = 10
"""Lines that are named of one file."""


class MissingColumns:
    def __init__(self) -> None:
        self._rows: defaultdict[tuple[str, tuple[str, ...], tuple[str, ...]], list[int]]
        self._rows = defaultdict(list)

    def explains(self, place: str, row: object, read: MappedDelivery) -> Collection[str]:
        """The pointers of the faults of a row that come from columns which its file does not have. `place` is the file
        with the line behind a colon."""
        file, _, line = place.rpartition(":")
        if not isinstance(row, dict) or not line.isdigit():
            return ()
        found = missing_columns(read.signals, row)
        if not found:
            return ()
        absent = sorted(frozenset[str]().union(*found.values()))
        has = tuple(name for name in row if name and name != "rows")
        self._rows[file, tuple(absent), has].append(int(line))
        return found.keys()

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each file with what it lacks, and how many of its rows wait for that."""
        for (file, absent, has), rows in self._rows.items():
            named = ", ".join(map(str, rows[:MOST_LINES])) + (
                " …" if len(rows) > MOST_LINES else ""
            )
            what = "column" if len(absent) == 1 else "columns"
            is_one = len(rows) == 1
            waits = "1 row waits" if is_one else f"{len(rows)} rows wait"
            yield (
                file,
                f"no {what} {', '.join(map(repr, absent))}, which the mapping reads; its columns are "
                f"{', '.join(map(repr, has))}. {waits} for a corrected file or mapping (line{'s' * (not is_one)} {named})",
            )
