"""The console of the command line: it prints every value as it is.

Texts come from other systems: `[red]` and `:A:` in them are no markup and no emoji. What is to be bold or
coloured is a `Text`, or has a `style`.
"""

from rich.console import Console


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False, markup=False, emoji=False)
