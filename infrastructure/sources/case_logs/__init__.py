"""Logs of real incident queues as steps of cases: who held what, when, and for whom it waited.

A reader for each log says what its rows mean in one vocabulary (`steps`); `plan` says which commands
carry out the updates of an incident, and which of its steps cannot be.

Sources: ServiceNow's incident event log (UCI) and Volvo IT's incidents (BPI Challenge 2013).
"""

from infrastructure.sources.case_logs import bpi2013, servicenow
from infrastructure.sources.case_logs.plan import Command, Plan, plan_commands
from infrastructure.sources.case_logs.updates import (
    CaseLog,
    Condition,
    ImpossibleStep,
    LogUnreadable,
    Update,
    WaitingParty,
)

__all__ = [
    "CaseLog",
    "Command",
    "Condition",
    "ImpossibleStep",
    "LogUnreadable",
    "Plan",
    "Update",
    "WaitingParty",
    "bpi2013",
    "plan_commands",
    "servicenow",
]
