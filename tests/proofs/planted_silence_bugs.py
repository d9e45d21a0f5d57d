"""Plausible bugs in the cases about sources, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

CODES: Final = "application/orders/unread_codes.py"
OF_DELIVERIES: Final = "application/sources/delivery_codes.py"
SUBJECTS: Final = "application/orders/subject_cases.py"
WATCH: Final = "application/sources/source_watch.py"
SILENCE: Final = "domain/sources/silence.py"
IN_CODES: Final = "tests/sources/test_unknown_codes.py"
IN_SIGNALS: Final = "tests/sources/test_unknown_codes_of_signals.py"
IN_SILENCE: Final = "tests/sources/test_silent_sources.py"
IN_LISTS: Final = "tests/sources/test_source_lists.py"
IN_VIEWS: Final = "tests/sources/test_cases_about_sources.py"

SILENCE_BUGS: Final = (
    Bug(
        "each delivery of an unknown code opens a case",
        SUBJECTS,
        "if kind is None or (before is not None and not (before.is_resolved or before.cleared)):",
        "if kind is None:",
        f"{IN_CODES}::test_a_code_opens_a_case_for_the_owner_of_the_source_once",
    ),
    Bug(
        "a code that comes again after its case opens none",
        CODES,
        "number = case.occurrence + 1 if case is not None else 1",
        "number = 1",
        f"{IN_CODES}::test_a_code_that_comes_again_after_its_case_is_the_next_occurrence",
    ),
    Bug(
        "codes have no limit",
        CODES,
        "            if is_new and len(opened) >= places:\n",
        "            if is_new and len(opened) >= most:\n",
        f"{IN_CODES}::test_a_sender_of_many_codes_opens_no_more_cases_than_policy_allows",
    ),
    Bug(
        "resolved cases of codes count against the limit",
        CODES,
        "return sum(not case.is_resolved for case in cases.values())",
        "return len(cases)",
        f"{IN_CODES}::test_a_sender_of_many_codes_opens_no_more_cases_than_policy_allows",
    ),
    Bug(
        "deliveries with new codes do not take turns",
        "application/sources/delivery_desk.py",
        "ATTEMPTS: Final = 20",
        "ATTEMPTS: Final = 1",
        f"{IN_CODES}::test_many_new_codes_at_once_are_all_taken",
    ),
    Bug(
        "a reading that stopped before the code clears its case",
        OF_DELIVERIES,
        "    if not all(one.why in _KNOWN_IN_PART for one in read.reasons):\n",
        "    if not read.reasons and read.topic is None:\n",
        f"{IN_CODES}::test_a_mapping_that_does_not_get_as_far_as_the_code_clears_nothing",
    ),
    Bug(
        "a code is read since another table does not list it",
        OF_DELIVERIES,
        "    read_now = {*read.codes} - still\n",
        "    read_now = {*read.codes}\n",
        f"{IN_CODES}::test_a_code_that_another_table_does_not_list_either_stays",
    ),
    Bug(
        "a signal that is sent again opens a case again",
        CODES,
        "    return receipt.outcome is SignalOutcome.RECORDED\n",
        "    return receipt.outcome is not SignalOutcome.REFUSED\n",
        f"{IN_SIGNALS}::test_a_signal_that_is_sent_again_opens_no_case_after_the_first",
    ),
    Bug(
        "a held signal that is sent again opens a case again",
        CODES,
        "return receipt.held is not None and receipt.held.held_at == arrival.received_at",
        "return True",
        f"{IN_SIGNALS}::test_a_signal_that_is_sent_again_opens_no_case_after_the_first",
    ),
    Bug(
        "a code that the carrier's mapping reads opens a case",
        "domain/orders/unread_codes.py",
        "if not signal.code or signal.mapping_version:",
        "if not signal.code:",
        f"{IN_SIGNALS}::test_a_carriers_code_of_a_signal_goes_where_policy_routes_it",
    ),
    Bug(
        "a case about a source ignores its owner",
        "domain/cases/opening.py",
        "    if owner is None or routing.owner_team == owner:\n",
        "    if owner is None or routing.owner_team:\n",
        f"{IN_CODES}::test_a_code_opens_a_case_for_the_owner_of_the_source_once",
    ),
    Bug(
        "a case that a person works on is resolved automatically",
        SUBJECTS,
        "kind.automation is Automation.AUTOMATIC and not case.is_worked",
        "kind.automation is Automation.AUTOMATIC",
        f"{IN_CODES}::test_a_case_that_somebody_works_on_is_left_to_that_person",
    ),
    Bug(
        "a problem that is back is not told to its open case",
        SUBJECTS,
        "not (before.is_resolved or before.cleared)",
        "not before.is_resolved",
        f"{IN_SILENCE}::test_a_case_that_somebody_works_on_is_cleared_and_left_to_that_person",
    ),
    Bug(
        "a comparison of the time before clears the case",
        WATCH,
        "found.until > case.detected_at",
        "found.until",
        f"{IN_LISTS}::test_a_later_list_that_agrees_clears_it_and_a_list_without_entries_shows_nothing",
    ),
    Bug(
        "a list without entries clears the case",
        WATCH,
        " or not found.listed:",
        ":",
        f"{IN_LISTS}::test_a_later_list_that_agrees_clears_it_and_a_list_without_entries_shows_nothing",
    ),
    Bug(
        "a report that is behind makes sources silent",
        WATCH,
        "        if measured.position < mark.head:\n",
        "        if measured.position < 0:\n",
        f"{IN_SILENCE}::test_a_report_that_is_behind_makes_no_source_silent",
    ),
    Bug(
        "a worker that comes back judges the past",
        WATCH,
        "not timedelta() <= now - mark.at <= MARK_IS_VALID",
        "now < mark.at",
        f"{IN_SILENCE}::test_a_window_that_was_not_judged_for_long_is_given_up",
    ),
    Bug(
        "a young source is compared with the time before it",
        WATCH,
        "is_known = source.added_at <= begin - rules.weeks * WEEK",
        "is_known = source.added_at <= begin",
        f"{IN_SILENCE}::test_a_source_that_is_younger_than_the_history_is_left_out",
    ),
    Bug(
        "a source that has just gone on is silent",
        WATCH,
        "source.resumed_at is None or source.resumed_at <= begin",
        "True",
        f"{IN_SILENCE}::test_a_paused_source_is_left_out_until_it_went_on_for_a_whole_window",
    ),
    Bug(
        "an outage opens a case for each source",
        WATCH,
        "                if not (quiet.earlier or quiet.recent):\n",
        "                if not quiet.recent:\n",
        f"{IN_SILENCE}::test_sources_that_fall_silent_together_are_one_case_of_ours",
    ),
    Bug(
        "one busy source hides that others still send",
        SILENCE,
        "return len(counts) > 1 and all(is_low(*one, rules) for one in counts)",
        "return len(counts) > 1 and is_low(sum(n for n, _ in counts), sum(u for _, u in counts), rules)",
        f"{IN_SILENCE}::test_one_source_that_sends_shows_that_the_silence_of_others_is_their_own",
    ),
    Bug(
        "an hour of which less is usual clears a silence",
        WATCH,
        "return since is not None and one.spoke_after(since)",
        "return since is not None",
        f"{IN_SILENCE}::test_a_quiet_hour_after_a_silence_clears_nothing",
    ),
    Bug(
        "pulls hide that webhooks have stopped",
        "infrastructure/reports/source_figures.py",
        "WHERE source = s.source AND NOT pulled AND received_at >= b.begin",
        "WHERE source = s.source AND received_at >= b.begin",
        f"{IN_SILENCE}::test_what_is_pulled_is_not_sent",
    ),
    Bug(
        "an unknown code of a list opens no case",
        "application/sources/listed_deliveries.py",
        "*report_codes(self._intake.codes, source, read, now)]",
        "*report_codes(self._intake.codes, source, read[:0], now)]",
        f"{IN_CODES}::test_a_code_of_a_list_opens_a_case_as_well",
    ),
    Bug(
        "one week makes a custom",
        SILENCE,
        "return median(week.whole for week in self.weeks)",
        "return max(week.whole for week in self.weeks)",
        f"{IN_SILENCE}::test_what_is_usual_is_the_median_of_four_weeks",
    ),
    Bug(
        "a tenth of usual is too little",
        SILENCE,
        "return count * 100 < usual * rules.below_percent",
        "return count * 100 <= usual * rules.below_percent * 2",
        f"{IN_SILENCE}::test_a_tenth_of_usual_is_enough",
    ),
    Bug(
        "deliveries of the window's end count in no window",
        "infrastructure/reports/source_figures.py",
        "count(*) FILTER (WHERE received_at >= b.begin + %s / 2) AS recent",
        "count(*) FILTER (WHERE received_at > b.begin + %s) AS recent",
        f"{IN_SILENCE}::test_a_source_that_sends_less_than_a_tenth_of_usual_is_a_case_with_the_figures",
    ),
    Bug(
        "a decision about a source rests on nothing",
        "domain/cases/subject_reperformance.py",
        "if verdict.fact not in known or known[verdict.fact] != verdict.read:",
        "if verdict.fact not in known:",
        f"{IN_VIEWS}::test_a_decision_that_does_not_rest_on_its_packet_differs",
    ),
    Bug(
        "a packet is no evidence",
        "application/audit/evidence.py",
        'f"{PACKET_PREFIX}{line.event.digest}": line.position',
        "line.event.digest: line.position",
        f"{IN_VIEWS}::test_the_evidence_of_a_resolved_case_is_its_packet",
    ),
)
