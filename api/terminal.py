"""The console of the command line: it prints every value as it is.

Texts come from other systems: `[red]` and `:A:` in them are no markup and no emoji. What is to be bold or
coloured is a `Text`, or has a `style`.
"""

from rich.console import Console


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """A terminal wraps texts at words, and a file or a pipe gets each line whole.

    With `soft_wrap`, a terminal gets whole lines too: they can be copied, such as a token or a path.
    """
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    made.soft_wrap = soft_wrap or not made.is_terminal
    return made
