"""Plausible bugs in receipts, trust policies and the quorum of witnesses."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

VERIFIER = "infrastructure/verifier/receipts.py"
COSIGNED = "infrastructure/verifier/cosigned.py"
POLICY = "infrastructure/verifier/trust_policy.py"
NOTES = "infrastructure/verifier/notes.py"
MAKER = "infrastructure/transparency/receipts.py"
RECORD = "infrastructure/transparency/witness_record.py"
QUORUM = "tests/audit/test_quorum_in_answers.py"
CLIENTS = "infrastructure/transparency/cosignatures.py"
ROUTE = "api/routes/receipts.py"
FORGED = "tests/audit/test_forged_receipts.py::test_a_forged_receipt_has_its_fault"
BROKEN = "tests/audit/test_forged_receipts.py::test_a_broken_policy_is_refused_with_its_line"
COUNTED = "tests/audit/test_forged_receipts.py::test_a_quorum_counts_its_witnesses"
GIVEN = "tests/audit/test_forged_receipts.py::test_a_given_envelope_must_be_that_of_the_receipt"
MESSAGE = (
    "tests/audit/test_forged_receipts.py::"
    "test_the_message_of_an_ml_dsa_cosignature_is_that_of_the_specification"
)
WAITS = "tests/api/test_receipts.py::test_a_receipt_waits_for_the_quorum_unless_told_otherwise"
ALTERED = "tests/api/test_receipts.py::test_an_altered_event_has_no_receipt"
SCOPE = (
    "tests/api/test_receipts.py::test_a_position_that_the_caller_may_not_read_is_like_a_missing_one"
)
OBJECTION = (
    "tests/infrastructure/test_witness_quorum.py::"
    "test_an_objection_against_the_quorum_does_not_halt_the_log"
)
FEW = (
    "tests/infrastructure/test_witness_quorum.py::"
    "test_an_objection_halts_the_log_if_the_others_are_no_quorum"
)
SILENT = (
    "tests/infrastructure/test_witness_quorum.py::test_a_witness_that_never_answers_delays_nobody"
)

DECIDED = "tests/api/test_receipts.py::test_a_decision_has_a_receipt_that_anybody_can_check"

RECEIPT_BUGS = (
    Bug(
        "the receipt of an erasure is that of its last order alone",
        "application/privacy/privacy_desk.py",
        "self._log.append([*also, write], by.row_of(after))",
        "self._log.append([write, *also], by.row_of(after))",
        DECIDED,
    ),
    Bug(
        "the log of a receipt may have another name",
        VERIFIER,
        " for log in policy.logs if log.key.name == found.origin]",
        " for log in policy.logs]",
        FORGED,
    ),
    Bug(
        "the log's signature on a receipt is not verified",
        VERIFIER,
        "            notes.open_note(note, key)\n",
        "            pass\n",
        FORGED,
    ),
    Bug(
        "a checkpoint may have empty lines",
        VERIFIER,
        "if _TEXT.fullmatch(text) is None:",
        "if not text:",
        FORGED,
    ),
    Bug(
        "the envelope beside a receipt is not compared",
        VERIFIER,
        "if receipt.extra not in (None, event):",
        "if event is None:",
        GIVEN,
    ),
    Bug(
        "a receipt's proof is not followed",
        VERIFIER,
        "    if not is_included(",
        "    if not receipt.hashes and is_included(",
        FORGED,
    ),
    Bug(
        "a cosignature that is not valid is ignored",
        COSIGNED,
        "            broken.append(witness.name)\n",
        "            pass\n",
        FORGED,
    ),
    Bug("one member makes the quorum", POLICY, ">= group.least:", ">= 1:", COUNTED),
    Bug(
        "one key may be two witnesses",
        POLICY,
        "        if any(key.public == other.public for other in known):",
        "        if any(key == other for other in known):",
        BROKEN,
    ),
    Bug("a witness may be in two groups", POLICY, "        self._members.add(name)\n", "", BROKEN),
    Bug(
        "an ML-DSA cosignature states the size as the start",
        NOTES,
        "(0).to_bytes(8) + checkpoint.size.to_bytes(8)",
        "checkpoint.size.to_bytes(8) + (0).to_bytes(8)",
        MESSAGE,
    ),
    Bug(
        "an ML-DSA cosignature does not name its witness",
        NOTES,
        "len(name).to_bytes(1) + name,",
        "(0).to_bytes(1),",
        MESSAGE,
    ),
    Bug(
        "lines in the database count without a valid cosignature",
        MAKER,
        " or (is_quorum_needed and not self.policy.is_quorum(names)):",
        ":",
        WAITS,
    ),
    Bug(
        "an altered event gets a receipt",
        MAKER,
        "        if not is_included(",
        "        if not envelope and is_included(",
        ALTERED,
    ),
    Bug(
        "anybody gets anybody's receipt",
        ROUTE,
        "if line.actor.principal == who.actor.principal:",
        "if line.actor.principal:",
        SCOPE,
    ),
    Bug(
        "one objection halts the log against the quorum",
        CLIENTS,
        "        if objections and not is_quorum:\n",
        "        if objections:\n",
        OBJECTION,
    ),
    Bug(
        "an objection never halts the log",
        CLIENTS,
        "        if objections and not is_quorum:\n",
        "        if objections and is_quorum:\n",
        FEW,
    ),
    Bug(
        "a witness is asked again before it has answered",
        CLIENTS,
        "        if self._requests.is_busy(witness.name):\n            return False\n",
        "",
        SILENT,
    ),
    Bug(
        "question 10 counts a cosignature that is not valid",
        RECORD,
        "        return find_cosignatures(note, policy).cosigned\n",
        "        return [Cosigned(x.name, 1) for x in policy.witnesses if x.key.text in note.decode() or x.key.name in note.decode()]\n",
        QUORUM,
    ),
    Bug(
        "one witness is told as the quorum",
        RECORD,
        "if policy.quorum is not None and policy.is_quorum(names):",
        "if policy.quorum is not None and names:",
        QUORUM,
    ),
    Bug(
        "the quorum is told as reached when its last witness cosigned",
        RECORD,
        "sorted(cosigned, key=lambda one: one.at)",
        "sorted(cosigned, key=lambda one: -one.at)",
        QUORUM,
    ),
    Bug(
        "positions that no quorum has cosigned are not told",
        "application/audit/database_state.py",
        "    if before.size < scan.upto and now - first[0].recorded_at > most:\n",
        "    if before.size and before.size < scan.upto and now - first[0].recorded_at > 9 * most:\n",
        QUORUM,
    ),
    Bug(
        "a receipt with another fault than the quorum is called not cosigned",
        COSIGNED,
        "all(fault.code == QUORUM for fault in faults)",
        "any(fault.code == QUORUM for fault in faults)",
        "tests/audit/test_forged_receipts.py::test_a_receipt_that_is_not_cosigned_yet_is_not_called_broken",
    ),
    Bug(
        "the receipt of a proposal is that of a ledger's entry",
        "application/cases/case_commands.py",
        "[*before, *also, structs.replace(write, next_due=due)]",
        "[*before, structs.replace(write, next_due=due), *also]",
        "tests/api/test_receipts.py::test_a_decision_has_a_receipt_that_anybody_can_check",
    ),
)
