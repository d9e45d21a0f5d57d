"""Plausible bugs in what keeps the processes running, and in what one hands on to another."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

SUPERVISOR = "infrastructure/postgres/supervisor.py"
SERVER = "infrastructure/postgres/embedded.py"
SUPERVISED = "tests/infrastructure/test_supervisor.py"

PROCESS_BUGS = (
    Bug(
        "the supervisor starts a server that was shut down",
        SERVER,
        "            if self.postmaster != hung or (hung is None and self.was_shut_down):\n",
        "            if self.postmaster != hung:\n",
        SUPERVISED,
    ),
    Bug(
        "two supervisors restart one server twice",
        SERVER,
        "            if self.postmaster != hung or (hung is None and self.was_shut_down):\n",
        "            if hung is None and self.was_shut_down:\n",
        SUPERVISED,
    ),
    Bug(
        "stopped processes of the database are not let go on",
        SUPERVISOR,
        "            thaw(late)\n",
        "",
        SUPERVISED,
    ),
    Bug(
        "processes of a dead server prevent its start",
        "infrastructure/postgres/server_processes.py",
        "        for pid in left:\n",
        "        for pid in left[:0]:\n",
        SUPERVISED,
    ),
    Bug(
        "a server that keeps dying is started without a limit",
        SUPERVISOR,
        "        if len(self._acted_at) >= MOST_ACTIONS:\n",
        "        if len(self._acted_at) < 0:\n",
        SUPERVISED,
    ),
    Bug(
        "the supervisor ends the single-user mode of an operator",
        SUPERVISOR,
        "        if self._server.is_being_repaired:\n",
        "        if self._server.is_being_repaired and not postmaster:\n",
        SUPERVISED,
    ),
    Bug(
        "readiness does not see who holds up all writes",
        "infrastructure/readiness_probes.py",
        "xact_start < clock_timestamp() - interval '3 s'",
        "xact_start > clock_timestamp() + interval '3 s'",
        "tests/api/test_readiness.py",
    ),
    Bug(
        "an abandoned request is logged as a bug of the service",
        "api/http/problems.py",
        "    if isinstance(error, InternalServerException) and error.detail == _CLIENT_LEFT:\n",
        "    if isinstance(error, InternalServerException) and error.detail != _CLIENT_LEFT:\n",
        "tests/api/test_abandoned_requests.py",
    ),
    Bug(
        "a process that answers slowly is waited for",
        "api/http/process_client.py",
        "            async with asyncio.timeout(DEADLINE_SECONDS):\n",
        "            async with asyncio.timeout(60):\n",
        "tests/api/test_process_client.py",
    ),
    Bug(
        "the lines of a part are counted anew",
        "api/http/signal_partitions.py",
        'line if line.strip() and next(number) in wanted else b"" for line in lines)',
        "line for line in lines if line.strip() and next(number) in wanted)",
        "tests/api/test_signal_partitions.py",
    ),
    Bug(
        "a refused signal is named by its place in the part",
        "api/http/signal_partitions.py",
        '    if "index" not in found:\n',
        "    if found:\n",
        "tests/api/test_signal_partitions.py",
    ),
    Bug(
        "the doctor does not see lost keys",
        "infrastructure/doctor/keys.py",
        "            missing += len(lost)\n",
        "            missing += 0\n",
        "tests/personal/test_lost_keys.py::test_the_doctor_finds_keys_of_the_log_that_are_not_in_the_store",
    ),
    Bug(
        "what was recorded after an act decides whose grant was valid",
        "application/people/person_states.py",
        "takewhile(lambda line: line.position < position, self._lines[name])",
        "takewhile(lambda line: line.position < position + 1_000, self._lines[name])",
        "tests/application/test_execution_checks.py",
    ),
    Bug(
        "a worker ends if the log takes no append when it starts",
        "api/commands/worker.py",
        "            until_answered(partial(_start, working), stop)\n",
        "            _start(working)\n",
        "tests/cli/test_worker_starts_beside_a_lock.py",
    ),
    Bug(
        "an unexpected error ends a thread of the worker",
        "api/repeated_work.py",
        "        except Exception:\n",
        "        except LookupError:\n",
        "tests/api/test_repeated_work.py",
    ),
    Bug(
        "an append that was frozen is not tried again",
        "infrastructure/event_store/group_commit.py",
        "            if group[0].tried and time.monotonic() > ends_at:\n",
        "            if time.monotonic() > ends_at:\n",
        "tests/event_store/test_errors_between_attempts.py",
    ),
    Bug(
        "the thread that stores appends ends with an error of ours",
        "infrastructure/event_store/group_commit.py",
        "        except Exception as error:  # noqa: BLE001 - without this thread, all appends would wait for ever\n",
        "        except psycopg.Error as error:\n",
        "tests/event_store/test_errors_between_attempts.py::test_an_error_of_our_own_is_raised_to_the_caller_and_stops_no_later_append",
    ),
)
