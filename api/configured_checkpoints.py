"""The checkpoints of the log at the places that the settings name, and the checks at a start."""

from functools import partial

from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.cosignatures import open_witness_client
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
    return Checkpoints(open_signer(settings.signing_key), outside, again, heads)


def read_only_checkpoints(settings: Settings) -> Checkpoints:
    """The same, without creating a missing signing key. Raises KeyUnusable."""
    outside = OutsideCheckpoints(settings.checkpoint_place)
    heads = AcknowledgedHeads(settings.heads_place)
    return Checkpoints(read_only_signer(settings.signing_key), outside, heads=heads)


def continuity(settings: Settings) -> Continuity:
    """The check before the first append on a new connection."""

    def checkpoints() -> Checkpoints | None:
        is_witnessed = OutsideCheckpoints(settings.checkpoint_place).latest() is not None
        return checkpoints_of(settings) if is_witnessed else None

    return Continuity(AcknowledgedHeads(settings.heads_place), checkpoints)


def verified_checkpoints(settings: Settings, dsn: str) -> Checkpoints:
    """The checkpoints, after checking that the log continues the largest one that was signed, here or by
    the witness, and has all acknowledged positions. Call it before any write.

    Raises KeyUnusable, WitnessUnusable or LogNotAsWitnessed.

    It connects with the rights of the DSN itself: a start ends a halt only if they allow migrations.
    """
    checkpoints = checkpoints_of(settings)
    witness = open_witness_client(settings.witness, checkpoints)
    with connect(dsn) as connection:
        if witness is not None and checkpoints.outside.disputed() is not None:
            checkpoints.make(connection)
            witness.cosign_latest(connection)
        if witness is not None:
            witness.require_continuation(connection)
        checkpoints.require_continuation(connection)
    return checkpoints
