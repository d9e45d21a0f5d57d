"""Options of replays, and what they print on standard error: progress and skipped rows."""

import sys
from collections.abc import Sequence
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infrastructure.csv_rows import RejectedRow

MAX_SHOWN: Final = 20
KEEP = click.option("--keep", is_flag=True, help="Keep the database and print its address.")


def progress_bar(errors: Console) -> Progress:
    """A progress bar; hidden if standard error is no terminal."""
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=not sys.stderr.isatty(),
    )


def print_skipped_rows(refusals: Sequence[RejectedRow], refused: int, errors: Console) -> None:
    """Print the first rows that were skipped, and how many more were."""
    for refusal in refusals[:MAX_SHOWN]:
        errors.print(f"skipped: {refusal}", markup=False)
    if refused > MAX_SHOWN:
        errors.print(f"skipped: {refused - MAX_SHOWN} more rows")
