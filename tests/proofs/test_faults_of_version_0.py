"""Each fault of version 0 has two tests, and a planted bug that brings it back is caught by one of their files."""

import ast
from pathlib import Path

from tests.proofs.faults_of_version_0 import FAULTS
from tests.proofs.test_planted_bugs import BUGS, KNOWN

ROOT = Path(__file__).parents[2]


def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_fault_has_two_tests() -> None:
    for fault in FAULTS:
        assert fault.found != fault.other_road
        for where in (fault.found, fault.other_road):
            file, _, name = where.partition("::")
            assert name.startswith("test_"), where
            assert name in names_in(file), where


def test_each_fault_is_brought_back_by_planted_bugs_that_were_caught() -> None:
    planted = {bug.name for bug in BUGS}
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.brought_back_by, fault.name
        assert set(fault.brought_back_by) <= planted, fault.brought_back_by
        assert set(fault.brought_back_by) <= KNOWN.keys(), fault.brought_back_by
