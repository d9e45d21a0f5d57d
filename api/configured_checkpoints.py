"""The checkpoints of the log at the places that the settings name, and the checks at a start."""

from functools import partial

from infrastructure.postgres.datastore import connect
from infrastructure.postgres.standbys import StandbyGate, StandbysUnusable, parse_standbys
from infrastructure.settings import Settings
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import (
    open_existing_signer,
    open_signer,
    read_only_signer,
)


def checkpoints_of(settings: Settings) -> Checkpoints:
    """The checkpoints at the place in the settings. Raises KeyUnusable."""
    again = partial(open_existing_signer, settings.signing_key)
    outside = OutsideCheckpoints(settings.checkpoint_place)
    heads = AcknowledgedHeads(settings.heads_place)
    signer = open_signer(settings.signing_key)
    return Checkpoints(signer, outside, again, heads, standby_gate(settings))


def read_only_checkpoints(settings: Settings) -> Checkpoints:
    """The same, without creating a missing signing key. Raises KeyUnusable."""
    outside = OutsideCheckpoints(settings.checkpoint_place)
    heads = AcknowledgedHeads(settings.heads_place)
    return Checkpoints(read_only_signer(settings.signing_key), outside, heads=heads)


def continuity(settings: Settings) -> Continuity:
    """The check before the first append on a new connection."""

    def checkpoints() -> Checkpoints | None:
        is_witnessed = bool(OutsideCheckpoints(settings.checkpoint_place).numbers())
        return checkpoints_of(settings) if is_witnessed else None

    heads = AcknowledgedHeads(settings.heads_place)
    return Continuity(heads, checkpoints, standby_gate(settings))


def standby_gate(settings: Settings) -> StandbyGate | None:
    """The wait for the standbys of CASETRAIL_STANDBYS; None if it is not set. Raises StandbysUnusable."""
    if settings.standbys is None:
        return None
    if settings.database_url is None:
        raise StandbysUnusable("the embedded server has no standbys: set DATABASE_URL too")
    return StandbyGate(settings.database_url, parse_standbys(settings.standbys))


def verified_checkpoints(settings: Settings, dsn: str) -> Checkpoints:
    """The checkpoints, after checking that the log continues the largest one that was signed, here or by
    a witness, and has all acknowledged positions. Call it before any write.

    Raises KeyUnusable, WitnessUnusable or LogNotAsWitnessed.

    It connects with the rights of the DSN itself: a start ends a halt only if they allow migrations.
    """
    checkpoints = checkpoints_of(settings)
    witnesses = open_witness_clients(settings, checkpoints)
    with connect(dsn) as connection:
        if witnesses is not None and checkpoints.outside_of(connection).disputed() is not None:
            checkpoints.make(connection)
            witnesses.cosign_latest(connection)
        if witnesses is not None:
            witnesses.require_continuation(connection)
        checkpoints.require_continuation(connection)
    return checkpoints
