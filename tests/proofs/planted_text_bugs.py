"""Plausible bugs in what commands and answers about sources say, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

FILES: Final = "api/commands/source_files.py"
COMMANDS: Final = "tests/cli/test_source_commands.py"
MAPPINGS: Final = "tests/cli/test_mapping_commands.py"
TWO: Final = "tests/application/test_two_people_change_a_mapping.py"

TEXT_BUGS: Final = (
    Bug(
        "deliveries that are not understood are left out of the totals",
        FILES,
        "        self.not_understood += bool(result.reasons)\n",
        "        self.not_understood += bool(result.reasons and not result.signals)\n",
        f"{COMMANDS}::test_the_totals_of_files_add_up_with_what_was_printed_and_kept",
    ),
    Bug(
        "a readme in a watched folder is read as data",
        "api/commands/sources/watch.py",
        'return format_of(file) is not None and ".txt" not in file.suffixes[-2:]',
        "return format_of(file) is not None",
        "tests/cli/test_watched_folder.py::test_files_that_are_no_data_stay_and_are_named_once",
    ),
    Bug(
        "a code of a built-in vocabulary has the remedy of a table",
        "infrastructure/mappings/mapping.py",
        "UnknownCode(vocabulary, signal.code, is_vocabulary=True)",
        "UnknownCode(vocabulary, signal.code)",
        "tests/sources/test_unknown_codes.py::test_a_code_of_a_built_in_vocabulary_has_the_remedy_for_that",
    ),
    Bug(
        "a table counts as looked up although nothing does",
        "infrastructure/mappings/documents.py",
        "if name not in compiler.used_tables]",
        "if name in compiler.used_tables]",
        f"{MAPPINGS}::test_a_table_that_nothing_looks_up_is_named",
    ),
    Bug(
        "a beginning of a digest counts among the documents that wait alone",
        "application/sources/mapping_desk.py",
        "isinstance(one, _NAMES_A_MAPPING) and one.name == name]",
        "isinstance(one, _NAMES_A_MAPPING) and one.name == name][-1:]",
        f"{TWO}::test_a_beginning_counts_among_all_documents_that_were_ever_proposed",
    ),
    Bug(
        "of several digests that begin as given, the first is taken",
        "domain/sources/mapping_governance.py",
        "    if len(found) > 1:\n        detail = f",
        "    if len(found) > 2:\n        detail = f",
        f"{TWO}::test_a_beginning_of_two_digests_is_refused_with_both",
    ),
    Bug(
        "one CloudEvent sent as a batch gets the error of the parser",
        "api/http/signal_bodies.py",
        'if body.lstrip().startswith(b"{"):',
        'if body.startswith(b"{{"):',
        "tests/api/test_cloud_event_errors.py::test_one_event_sent_as_a_batch_and_a_batch_sent_as_one_event",
    ),
    Bug(
        "the list of sources begins anew on each page",
        "api/routes/sources.py",
        "one.name > str(after[0])]",
        "one.name >= str(after[0])]",
        "tests/sources/test_lists_of_sources.py::test_sources_and_deliveries_are_listed_in_pages",
    ),
    Bug(
        "rows of cases do not say what they are about",
        "projections/cases.py",
        "        about=(detected.about or None) if detected else None,\n",
        "",
        "tests/sources/test_lists_of_sources.py::test_the_list_of_cases_says_what_a_case_without_an_order_is_about",
    ),
    Bug(
        "a list of deliveries that was cut says nothing",
        "api/commands/sources/deliveries.py",
        "len(rows) > limit",
        "len(rows) > MOST",
        f"{COMMANDS}::test_a_list_of_deliveries_says_when_there_are_more",
    ),
    Bug(
        "a document that is no text ends with a traceback",
        "api/commands/sources/manage.py",
        "shipped_mappings(), read_mapping)",
        "shipped_mappings(), Path.read_text)",
        "tests/cli/test_wrong_files_of_sources.py::test_a_document_that_cannot_be_read_is_explained",
    ),
    Bug(
        "a secret that is no text ends with a traceback",
        "api/commands/sources/manage.py",
        "    except UnicodeDecodeError as error:\n",
        "    except UnicodeEncodeError as error:\n",
        "tests/cli/test_wrong_files_of_sources.py::test_a_secret_that_cannot_be_read_is_explained",
    ),
    Bug(
        "a column that a file lacks is named with each row",
        FILES,
        "if pointer not in explained]",
        "if pointer or not explained]",
        f"{COMMANDS}::test_a_column_that_a_file_lacks_is_named_once",
    ),
    Bug(
        "a value that is wrong is told as a column that is missing",
        "infrastructure/mappings/columns.py",
        "            if any(name in one.document for name in fields):\n                continue\n",
        "",
        "tests/mappings/test_columns.py",
    ),
    Bug(
        "each member that may be null has a value in examples",
        "api/reference/examples.py",
        "in options and name not in MAY_BE_SHOWN:",
        "in options and name in MAY_BE_SHOWN:",
        "tests/house/test_examples_are_possible.py::test_the_values_of_each_example_can_occur_together",
    ),
    Bug(
        "the examples of all questions are of the first",
        "api/reference/examples.py",
        'found["question"] = int(number[1])',
        'found["question"] = min(int(number[1]), 1)',
        "tests/house/test_examples_are_possible.py::test_an_answer_shows_what_its_command_did",
    ),
)
