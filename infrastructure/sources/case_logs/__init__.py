"""Reads logs of real incident queues and turns them into commands on cases.

A reader for each log translates its rows into common updates (`updates`); `plan` turns the updates of an
incident into commands and lists the steps that are impossible.

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
