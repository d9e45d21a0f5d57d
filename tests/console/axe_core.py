"""axe-core finds accessibility problems of a page. npm installs it once, by the lock file in `axe/`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tests.console.browser import Page
from tests.npm_packages import install_npm_packages

LOCKED = Path(__file__).with_name("axe")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_FOUND = (
    "one => one.violations.map(({id, help, nodes}) => `${id}: ${help}: `"
    " + nodes.slice(0, 5).map(({html}) => html.slice(0, 200)).join(' | '))"
)


def violations(page: Page) -> list[str]:
    """The violations of WCAG 2.2 AA that axe-core finds in the current page."""
    if not page.value("Boolean(window.axe)"):
        page.value(f"{script()}; true")
    asked = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found: list[str] = page.value(f"axe.run(document, {asked}).then({_FOUND})")
    return found


@cache
def script() -> str:
    folder = install_npm_packages(LOCKED)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
