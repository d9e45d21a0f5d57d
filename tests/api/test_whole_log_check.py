"""The check of the whole log accepts every log that only the service has written."""

import httpx2
import psycopg
import pytest

from tests.api.adjustments import act_on_adjustment, open_paid_case, post, proposal_body
from tests.api.running_service import RunningService
from tests.intact_logs import assert_log_is_intact
from tests.tampering import without_triggers


def test_a_refused_approval_with_a_key_is_no_fault_of_the_log(server: RunningService) -> None:
    case = open_paid_case(server)
    with server.client_as("ana") as ana:
        case = post(ana, case, "adjustments", proposal_body("200.00")).json()
        refused = act_on_adjustment(ana, case, "approve", key="approve-1")
    assert refused.json()["type"] == "/problems/duty-conflict"
    assert_log_is_intact(server.dsn)


def test_a_question_of_an_auditor_is_no_fault_of_the_log(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_paid_case(server)
    asked = ana.get("/v1/audit/questions/7", params={"case": case["id"]})
    assert asked.status_code == 200, asked.text
    assert asked.json()["recorded"] is not None
    assert_log_is_intact(server.dsn)


def test_a_missing_answer_to_a_command_is_a_fault_of_the_log(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_paid_case(server)
    answer = post(ana, case, "notes", {"note": "Call them."}, key="note-1")
    position = answer.headers["Casetrail-Position"]
    keep = "CREATE TABLE kept AS SELECT * FROM commands WHERE key = 'note-1'"
    with psycopg.connect(server.dsn, autocommit=True) as connection, without_triggers(connection):
        connection.execute(keep)
        connection.execute("DELETE FROM commands WHERE key = 'note-1'")
        found = f"position {position}: the answer to its command by ana is missing"
        with pytest.raises(AssertionError, match=found):
            assert_log_is_intact(server.dsn)
        connection.execute("INSERT INTO commands SELECT * FROM kept")
        connection.execute("DROP TABLE kept")
    assert_log_is_intact(server.dsn)
