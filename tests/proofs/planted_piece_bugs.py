"""Plausible bugs about pieces that left, receipts of batches, and tables of the command line."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

LATER = "tests/domain/test_pieces_taken_away_later.py"

PIECE_BUGS = (
    Bug(
        "a line of several pieces without a quantity is one piece",
        "domain/adjustments/proposed_amounts.py",
        "(many := _pieces_of(asked, lines)) > 1:",
        "(many := _pieces_of(asked, lines)) > 100_000:",
        "tests/application/test_adjustments_by_line.py",
    ),
    Bug(
        "a component of a bundle counts as one piece",
        "domain/adjustments/proposed_amounts.py",
        "(component.quantity if component else 1)",
        "1",
        "tests/application/test_adjustments_of_changed_orders.py",
    ),
    Bug(
        "an edit takes pieces out of a parcel that left",
        "domain/orders/packed_pieces.py",
        "        then = _when_it_left(parcel, content)\n",
        "        then = content\n",
        f"{LATER}::test_an_edit_takes_nothing_out_of_a_parcel_that_left",
    ),
    Bug(
        "a parcel without lines shrinks with the order",
        "domain/orders/packed_pieces.py",
        "nowhere_else = self._most.get(line.id, kept) - count_stated",
        "nowhere_else = kept - count_stated",
        f"{LATER}::test_an_edit_takes_nothing_out_of_a_parcel_that_left",
    ),
    Bug(
        "a piece that an edit took away is due again when it comes back",
        "domain/orders/goods.py",
        "    places = [returned, back, gone, moving, here - returned]\n",
        "    places = [here - returned, moving, gone, back, returned]\n",
        f"{LATER}::test_the_customer_is_owed_the_pieces_that_an_edit_took_away_once",
    ),
    Bug(
        "each signal of a batch is answered with all cases of its order",
        "application/orders/order_decisions.py",
        "c for c, of in affected if not of or signal.key in of",
        "c for c, of in affected",
        "tests/application/test_receipts_name_their_own_cases.py",
    ),
    Bug(
        "a narrow terminal breaks ids",
        "api/tables.py",
        "if needed > room and console.is_terminal:",
        "if False:",
        "tests/cli/test_tables.py::test_a_terminal_that_is_too_narrow_gets_one_line_for_each_cell",
    ),
)
