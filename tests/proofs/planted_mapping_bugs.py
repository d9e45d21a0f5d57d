"""Bugs in the reading of what other systems send."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

MAPPING = "infrastructure/mappings/mapping.py"
VALUES = "infrastructure/mappings/values.py"
EXPRESSIONS = "infrastructure/mappings/expressions.py"
READING = "infrastructure/mappings/reading.py"
OTHERS = "tests/mappings/test_other_systems.py"

MAPPING_BUGS = (
    Bug(
        "two signals of a delivery share an id",
        MAPPING,
        "            if seen.setdefault(identity, signal) != signal:\n",
        "            if seen.setdefault(identity, signal) is None:\n",
        "tests/mappings/test_documents.py::test_two_signals_with_one_id_are_refused_unless_they_are_the_same",
    ),
    Bug(
        "rows of one parcel are read one by one",
        "infrastructure/mappings/row_groups.py",
        "                if any(key):\n",
        "                if not any(key):\n",
        f"{OTHERS}::test_one_row_for_each_item_of_a_parcel",
    ),
    Bug(
        "rows are read as whole groups though the file breaks off",
        "infrastructure/mappings/row_groups.py",
        "        raise FileUnreadable(file, detail, error.line) from None\n",
        "        pass\n",
        f"{OTHERS}::test_a_file_without_the_column_and_one_that_breaks_off_are_refused",
    ),
    Bug(
        "12.50 is read as 1250 where the comma is decimal",
        "infrastructure/mappings/amounts_and_times.py",
        "found = _MARKS[str(mark)].fullmatch(text[: _LONGEST + 1])",
        "found = re.match(r'([+-]?)([0-9. ]+)(?:,([0-9]+))?', text)",
        f"{OTHERS}::test_an_amount_with_other_marks_is_refused_and_not_guessed",
    ),
    Bug(
        "the parts of a code overlap",
        READING,
        "    if at > end or not text.startswith(first)",
        "    if not text.startswith(first)",
        f"{OTHERS}::test_a_code_by_its_whole_text_its_beginning_or_what_is_within",
    ),
    Bug(
        "the id of a signal may change",
        "infrastructure/mappings/documents.py",
        "    known = sorted({*(fields_of(kind) or ())} - _IDENTITY)\n",
        "    known = sorted({*(fields_of(kind) or ())})\n",
        "tests/mappings/test_restated_statements.py::test_only_fields_of_the_signal_may_change_and_not_its_identity",
    ),
    Bug(
        "a code that no vocabulary reads goes unnoticed",
        MAPPING,
        "        if isinstance(signal, Scanned) and not is_read and not signal.mapping_version:\n",
        "        if isinstance(signal, Scanned) and not is_read and signal.mapping_version:\n",
        "tests/mappings/test_values.py::test_a_code_that_no_vocabulary_of_carriers_reads_is_named",
    ),
    Bug(
        "a delivery that is nested too deeply raises",
        MAPPING,
        "        except RecursionError:\n",
        "        except MemoryError:\n",
        "tests/mappings/test_hostile_deliveries.py::test_a_delivery_that_is_nested_too_deeply_is_refused",
    ),
    Bug(
        "an amount has no currency",
        VALUES,
        "            if not isinstance(currency, str):\n",
        "            if currency == 7:\n",
        "tests/mappings/test_values.py",
    ),
    Bug(
        "anchors expand without end",
        VALUES,
        "        if self._count > MOST_VALUES:\n",
        "        if self._count > MOST_VALUES * 2:\n",
        "tests/mappings/test_documents.py::test_anchors_that_expand_without_end_are_refused_soon",
    ),
    Bug(
        "a field that no signal has is read",
        VALUES,
        "            if known is not None and name not in known:\n",
        "            if known is None and name in ():\n",
        "tests/mappings/test_documents.py",
    ),
    Bug(
        "a negation binds to the first name alone",
        EXPRESSIONS,
        '            node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression"\n',
        '            node["type"] == "subexpression" and node["children"][0]["type"] == "never"\n',
        "tests/mappings/test_documents.py",
    ),
    Bug(
        "what JMESPath does not expect is raised",
        EXPRESSIONS,
        "    ArithmeticError,\n",
        "",
        "tests/mappings/test_values.py::test_an_expression_that_fails_is_named",
    ),
    Bug(
        "the item in a list is its own parent",
        READING,
        "            reading.evaluation.enter(one)\n",
        "            reading.evaluation.enter(item)\n",
        "tests/mappings/test_values.py::test_lists_in_lists_know_what_they_are_in",
    ),
    Bug(
        "a list has no end",
        READING,
        "    if len(found) > MOST_ITEMS:\n",
        "    if len(found) > MOST_ITEMS * 10:\n",
        "tests/mappings/test_documents.py::test_endless_lists_are_refused_with_their_length",
    ),
    Bug(
        "names of two namespaces are one",
        "infrastructure/mappings/files.py",
        "        if name in found:\n",
        "        if name == found:\n",
        "tests/mappings/test_hostile_files.py",
    ),
    Bug(
        "a key that stands twice counts once",
        "infrastructure/mappings/files.py",
        "    if len(found) != len(members):\n",
        "    if len(found) > len(members):\n",
        "tests/mappings/test_hostile_files.py",
    ),
    Bug(
        "what a workbook unpacks to is not counted",
        "infrastructure/mappings/workbooks.py",
        "    if unpacked > MOST_UNPACKED:\n",
        "    if unpacked < 0:\n",
        "tests/mappings/test_hostile_files.py",
    ),
    Bug(
        "one bad row is read",
        "infrastructure/mappings/files.py",
        "        if len(row) != len(names):\n",
        "        if len(row) > len(names):\n",
        "tests/mappings/test_files_of_deliveries.py::test_one_bad_row_is_named_and_the_others_are_read",
    ),
    Bug(
        "minor units are those of ISO 4217 alone",
        VALUES,
        "                exponent = reading.exponents.get(currency, EXPONENTS.get(currency))\n",
        "                exponent = EXPONENTS.get(currency)\n",
        "tests/mappings/test_values.py::test_money",
    ),
    Bug(
        "steps are not counted",
        "infrastructure/mappings/work.py",
        "        self.left -= steps\n",
        "        self.left -= 0\n",
        "tests/mappings/test_bounded_work.py::test_signals_that_are_refused_cost_more_than_sound_ones",
    ),
    Bug(
        "signals have no end",
        READING,
        "        if self.signals > MOST_SIGNALS:\n",
        "        if self.signals > MOST_SIGNALS * 5:\n",
        "tests/mappings/test_documents.py::test_endless_lists_are_refused_with_their_length",
    ),
    Bug(
        "a blank of the document is absent",
        EXPRESSIONS,
        "        if isinstance(found, str) and not expression.is_literal and not found.strip():\n",
        "        if isinstance(found, str) and not found.strip():\n",
        "tests/mappings/test_bounded_work.py::test_a_blank_that_the_document_writes_stays",
    ),
    Bug(
        "an amount divided by 0 is the whole amount",
        VALUES,
        "                if not over:\n",
        "                if over == 7:\n",
        "tests/mappings/test_values.py::test_money_that_is_none_is_refused_with_its_reason",
    ),
    Bug(
        "an amount has any number of digits",
        "infrastructure/mappings/amounts_and_times.py",
        "    if amount and amount.adjusted() >= _MOST_WHOLE_DIGITS:\n",
        "    if amount and amount.adjusted() >= 400:\n",
        "tests/mappings/test_values.py::test_money_that_is_none_is_refused_with_its_reason",
    ),
    Bug(
        "a table lists what its field can never be",
        VALUES,
        "        self.faults += [one for one in found if one not in self.faults]  # fields may share a table\n",
        "",
        "tests/mappings/test_documents.py::test_a_table_lists_only_what_its_field_can_be",
    ),
)
