"""What failed when version 0 was attacked: for each fault, a test of the way that was found, a test of another road to
the same end, and the planted bugs that bring the fault back."""

from typing import Final

from msgspec import Struct


class Fault(Struct, frozen=True, kw_only=True):
    name: str
    found: str
    """The test of how it was done."""
    other_road: str
    brought_back_by: tuple[str, ...]
    """Names of planted bugs."""


_EXECUTION: Final = "tests/application/test_execution_checks.py"
_GLASS: Final = "tests/application/test_break_glass_of_the_involved.py"
_GRANTS: Final = "tests/application/test_grants_take_two_people.py"
_ORDER: Final = "tests/application/test_duties_over_an_order.py"
_VALUE: Final = "tests/application/test_the_value_of_an_order.py"
_SUMS: Final = "tests/application/test_sums_over_identities.py"
_LOSSES: Final = "tests/infrastructure/test_accepted_losses.py"
_SIGNED: Final = "tests/infrastructure/test_every_signed_statement.py"
_WHOLE: Final = "tests/api/test_whole_log_check.py"
_KEYS: Final = "tests/personal/test_lost_keys.py"
_SUPERVISOR: Final = "tests/infrastructure/test_supervisor.py"
_ONE_PERSON: Final = "tests/api/test_one_person_cannot_weaken_a_control.py"

FAULTS: Final = (
    Fault(
        name="one person changes a control that applies to them",
        found=f"{_ONE_PERSON}::test_an_emergency_change_cannot_let_the_policy_approve_a_refund",
        other_road=f"{_ONE_PERSON}::test_a_rollback_cannot_let_the_policy_approve_a_refund",
        brought_back_by=(
            "an emergency change may change anything",
            "a rollback may change anything",
        ),
    ),
    Fault(
        name="two people who are one are paid",
        found=f"{_EXECUTION}::test_a_proposer_who_turns_out_to_be_the_approver_is_not_paid",
        other_road=f"{_EXECUTION}::test_an_approval_without_a_valid_grant_is_not_paid",
        brought_back_by=(
            "a proposer who turned out to be the approver is paid",
            "an approval counts whose grant had ended",
        ),
    ),
    Fault(
        name="the proposer opens a break-glass for the approver",
        found=f"{_GLASS}::test_the_proposer_cannot_open_it_for_the_approver",
        other_road=f"{_GLASS}::test_an_opener_who_turns_out_to_have_a_part_stops_the_payment",
        brought_back_by=("the proposer opens a break-glass for the approver",),
    ),
    Fault(
        name="one manager makes an approver",
        found=f"{_GRANTS}::test_a_proposed_grant_gives_nothing_until_a_second_person_confirms_it",
        other_road=f"{_GRANTS}::test_a_grant_gives_nothing_once_two_of_its_people_turn_out_to_be_one",
        brought_back_by=("a grant of one manager is active at once",),
    ),
    Fault(
        name="nothing shows that the operator gave a role alone",
        found="tests/audit/test_control_operation.py::test_a_grant_of_one_person_is_reported_until_a_second_confirms_it",
        other_road=f"{_GRANTS}::test_the_operator_gives_at_once_and_it_stays_unconfirmed_until_a_person_confirms",
        brought_back_by=("a grant of the command line passes for confirmed",),
    ),
    Fault(
        name="two people approve each other's proposals over one order",
        found=f"{_ORDER}::test_two_people_cannot_approve_each_others_proposals",
        other_road=f"{_ORDER}::test_who_decided_opens_no_other_case_of_the_order",
        brought_back_by=("duties of other cases are not looked at",),
    ),
    Fault(
        name="more is given for an order than it is worth",
        found=f"{_VALUE}::test_a_write_off_beside_a_full_refund",
        other_road=f"{_VALUE}::test_a_refund_that_is_told_later_stops_the_payment",
        brought_back_by=(
            "all that is given for an order has no limit",
            "refunds of other systems do not count against the order's value",
        ),
    ),
    Fault(
        name="six guest orders stay below the limit",
        found=f"{_SUMS}::test_six_orders_with_one_identity_are_one_sum",
        other_road=f"{_SUMS}::test_policy_approves_only_so_much_for_one_proposer",
        brought_back_by=("a guest has no identity", "policy approves any amount for one proposer"),
    ),
    Fault(
        name="one customer id spelled six ways stays below the limit",
        found="tests/domain/test_identities.py::test_six_spellings_of_an_id_are_one",
        other_road="tests/domain/test_identities.py::test_spellings_of_an_address_are_one",
        brought_back_by=(
            "ids of customers are compared as they are spelled",
            "a tag makes another email",
        ),
    ),
    Fault(
        name="the recovery from a lost tail removes the evidence",
        found=f"{_LOSSES}::test_question_10_and_25_show_it_for_ever",
        other_road="tests/infrastructure/test_origins_after_losses.py"
        "::test_a_log_without_the_event_is_found_by_the_signature_of_its_origin",
        brought_back_by=(
            "question 10 forgets an accepted loss",
            "question 25 forgets an accepted loss",
        ),
    ),
    Fault(
        name="only the latest checkpoint is checked",
        found=f"{_SIGNED}::test_a_lost_tail_is_found_by_the_numbered_checkpoints",
        other_road=f"{_SIGNED}::test_a_lost_tail_is_found_by_the_acknowledged_heads",
        brought_back_by=(
            "only the file of the latest checkpoint is read",
            "the acknowledged heads are not compared",
        ),
    ),
    Fault(
        name="the check of the whole log calls an untouched log unsafe",
        found=f"{_WHOLE}::test_a_refused_approval_with_a_key_is_no_fault_of_the_log",
        other_road=f"{_WHOLE}::test_a_question_of_an_auditor_is_no_fault_of_the_log",
        brought_back_by=("the check of the whole log expects an answer with a refusal",),
    ),
    Fault(
        name="missing encryption keys go unnoticed",
        found=f"{_KEYS}::test_a_signal_is_refused_while_the_directory_of_keys_is_gone",
        other_road=f"{_KEYS}::test_a_note_is_refused_while_its_bundle_of_keys_is_gone",
        brought_back_by=("lost keys go unnoticed",),
    ),
    Fault(
        name="readiness ignores a full disk",
        found="tests/survival/test_full_disk.py::test_a_service_whose_database_has_a_full_disk_is_not_ready",
        other_road="tests/survival/test_full_disk.py::test_stores_in_directories_on_a_full_disk_are_named",
        brought_back_by=("readiness does not try the stores",),
    ),
    Fault(
        name="the embedded server is not supervised",
        found=f"{_SUPERVISOR}::test_a_dead_server_is_started_again_although_a_stopped_process_of_it_is_left",
        other_road=f"{_SUPERVISOR}::test_a_process_that_no_signal_reaches_is_killed_and_the_server_recovers",
        brought_back_by=(
            "processes of a dead server prevent its start",
            "stopped processes of the database are not let go on",
        ),
    ),
    Fault(
        name="a frozen process holds up the requests that are handed to it",
        found="tests/api/test_process_client.py::test_an_answer_that_is_not_whole_within_two_seconds_is_no_answer",
        other_road="tests/survival/test_service_processes.py"
        "::test_a_frozen_process_is_replaced_and_others_record_its_signals",
        brought_back_by=("a request that was handed on waits without a deadline",),
    ),
    Fault(
        name="the timeline of an order shows cases out of scope",
        found="tests/api/test_scope.py::test_the_timeline_of_an_order_names_no_case_out_of_scope",
        other_road="tests/api/test_scope.py::test_no_list_shows_what_is_out_of_scope",
        brought_back_by=("the timeline names every case of the order", "lists show all queues"),
    ),
    Fault(
        name="failed sign-ins have no limit",
        found="tests/api/test_failed_sign_ins.py::test_too_many_failures_are_told_to_wait",
        other_road="tests/api/test_failed_sign_ins.py::test_each_address_and_each_minute_has_its_own_count",
        brought_back_by=("failed authentications are not counted",),
    ),
    Fault(
        name="the head of a request has no time limit",
        found="tests/api/test_slow_clients.py::test_a_request_whose_head_is_not_complete_in_time_is_ended",
        other_road="tests/api/test_slow_clients.py::test_a_second_request_on_a_connection_has_the_same_limit",
        brought_back_by=("the head of a request has no time limit",),
    ),
    Fault(
        name="answers may be sniffed and stored",
        found="tests/api/test_compression.py::test_every_response_forbids_sniffing_and_storing",
        other_road="tests/api/test_slow_clients.py::test_bytes_that_are_no_request_are_refused_with_the_usual_headers",
        brought_back_by=("browsers may guess the type of an answer",),
    ),
    Fault(
        name="one key with the same JSON in another order is refused",
        found="tests/api/test_idempotency_keys.py::test_the_order_of_members_and_spaces_make_no_other_request",
        other_road="tests/api/test_idempotency_keys.py::test_an_answer_that_an_earlier_version_stored_is_given_again",
        brought_back_by=("the order of members makes another request",),
    ),
    Fault(
        name="question 7 says unchanged where there is no evidence",
        found="tests/api/test_evidence_integrity.py::test_a_case_without_evidence_says_that_there_is_none",
        other_road="tests/api/test_evidence_integrity.py::test_one_unchecked_piece_leaves_the_result_undecided",
        brought_back_by=("evidence that nobody cited is unchanged",),
    ),
    Fault(
        name="answers have bare seconds, and tables break names",
        found="tests/audit/test_golden_answers_on_people_and_money.py::test_durations_are_shown_with_units",
        other_road="tests/cli/test_tables.py::test_names_ids_and_amounts_stay_whole",
        brought_back_by=("durations are bare seconds in words",),
    ),
    Fault(
        name="no question asks whether more was given back than taken",
        found="tests/audit/test_what_was_given_back.py::test_two_refunds_above_the_capture_are_found_with_their_case",
        other_road="tests/audit/test_what_was_given_back.py::test_a_dispute_beside_a_full_refund_counts",
        brought_back_by=("the case of what was given beyond the capture is not looked for",),
    ),
)
