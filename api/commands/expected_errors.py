"""What can go wrong with a command without being a fault of this program."""

from __future__ import annotations

from application.log.recorder import CommandRepeated
from domain.errors import CasetrailError
from infrastructure.doctor import UnsafeToStart
from infrastructure.event_store.migrations import AppliedMigrationChanged, MigrationNotPermitted
from infrastructure.identity.trusted_issuers import IssuerUnusable
from infrastructure.payments import PaymentsUnusable
from infrastructure.postgres.databases import DatabaseUnusable
from infrastructure.postgres.datastore import LogHalted, UnsafeSwitch
from infrastructure.postgres.embedded import PostgresNotStarted
from infrastructure.postgres.roles import RolesMissing
from infrastructure.projections.lock_owners import ReportNotRebuilt
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.cosignatures import WitnessUnusable
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.transparency.storage import StorageUnavailable

EXPECTED_ERRORS = (
    CasetrailError,
    CommandRepeated,
    DatabaseUnusable,
    PaymentsUnusable,
    IssuerUnusable,
    KeyUnusable,
    MigrationNotPermitted,
    RolesMissing,
    LogHalted,
    LogNotAsWitnessed,
    StorageUnavailable,
    PositionsMissing,
    PostgresNotStarted,
    ReportNotRebuilt,
    AppliedMigrationChanged,
    UnsafeToStart,
    UnsafeSwitch,
    WitnessUnusable,
)
"""Told in words, never as a traceback."""
