"""What a replay tells on standard error: how far it is, and which rows it left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infrastructure.csv_rows import RejectedRow

MAX_SHOWN: Final = 20


def progress_bar(errors: Console) -> Progress:
    """Silent where nobody watches."""
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=not sys.stderr.isatty(),
    )


def print_skipped_rows(refusals: Sequence[RejectedRow], refused: int, errors: Console) -> None:
    """The first rows that were left out, and how many more were."""
    for refusal in refusals[:MAX_SHOWN]:
        errors.print(f"left out: {refusal}", markup=False)
    if refused > MAX_SHOWN:
        errors.print(f"left out: {refused - MAX_SHOWN} more rows")
