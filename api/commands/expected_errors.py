"""Errors that a command reports in words: they are no bugs, so no traceback is shown."""

from collections.abc import Mapping

from application.log.recorder import CommandRepeated
from domain.access_errors import GrantNotFound, PersonExists, PersonNotFound, PrincipalNotFound
from domain.cases.errors import CaseNotFound
from domain.errors import CasetrailError
from domain.policy.errors import PolicyNotFound
from domain.sources.errors import SourceNotFound, SourceNotPulled
from infrastructure.doctor import UnsafeToStart
from infrastructure.event_store.migrations import AppliedMigrationChanged, MigrationNotPermitted
from infrastructure.http_settings import HttpSettingUnusable
from infrastructure.identity.trusted_issuers import IssuerUnusable
from infrastructure.mappings.watched_folder import FolderUnusable
from infrastructure.payments import PaymentsUnusable
from infrastructure.postgres.databases import DatabaseUnusable
from infrastructure.postgres.datastore import LogHalted, UnsafeSwitch
from infrastructure.postgres.embedded import PostgresNotStarted
from infrastructure.postgres.roles import RolesMissing
from infrastructure.postgres.standbys import StandbysUnusable
from infrastructure.projections.lock_owners import ReportNotRebuilt
from infrastructure.pull_hosts import PullHostsUnusable
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.transparency.storage import StorageUnavailable
from infrastructure.transparency.witness_policy import WitnessUnusable

EXPECTED_ERRORS = (
    CasetrailError,
    CommandRepeated,
    DatabaseUnusable,
    FolderUnusable,
    PaymentsUnusable,
    HttpSettingUnusable,
    PullHostsUnusable,
    IssuerUnusable,
    KeyUnusable,
    MigrationNotPermitted,
    RolesMissing,
    LogHalted,
    LogNotAsWitnessed,
    StandbysUnusable,
    StorageUnavailable,
    PositionsMissing,
    PostgresNotStarted,
    ReportNotRebuilt,
    AppliedMigrationChanged,
    UnsafeToStart,
    UnsafeSwitch,
    WitnessUnusable,
)

HINTS: Mapping[type[Exception], str] = {
    PersonExists: "List people with `casetrail people list`.",
    PersonNotFound: "List people with `casetrail people list`.",
    GrantNotFound: "List grants with `casetrail people review`.",
    PrincipalNotFound: "List keys, logins, agents and delegates with `casetrail people tokens NAME`.",
    PolicyNotFound: "",
    SourceNotFound: "List sources with `casetrail sources list`.",
    SourceNotPulled: "Set it up with `casetrail sources pull-settings NAME DOCUMENT`.",
    CaseNotFound: "List cases with `casetrail psql -c 'SELECT case_id FROM views.cases LIMIT 20'`.",
}
"""What to do about an error whose message says by itself what is wrong."""
