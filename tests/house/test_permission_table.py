"""The table of permissions in docs/operations.md is complete and says which roles have each."""

import re
from pathlib import Path

from domain.people import Role
from domain.permissions import Permission, roles_with

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \| .+ \| (.+) \|$", re.M)


def roles_in(text: str) -> set[str]:
    """Such as `integrator, auditor`, or `all but handler`."""
    named = {str(role) for role in Role if re.search(rf"\b{role}\b", text)}
    return {*map(str, Role)} - named if text.startswith(("every role", "all but")) else named


def test_the_table_names_every_permission_with_its_roles() -> None:
    table = PAGE.read_text().partition("## People")[2]
    rows = {
        name: roles_in(roles)
        for names, roles in ROW.findall(table)
        for name in re.findall(r"`(.+?)`", names)
    }
    assert rows == {str(one): {*map(str, roles_with(one))} for one in Permission}
