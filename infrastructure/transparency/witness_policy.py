"""The witnesses that the settings name, and the quorum of them."""

from pathlib import Path

import httpx2

from infrastructure.settings import Settings
from infrastructure.verifier.notes import NoteBroken, parse_witness_key
from infrastructure.verifier.trust_policy import (
    NO_WITNESS,
    PolicyBroken,
    TrustPolicy,
    parse_policy,
    single_witness,
)


class WitnessUnusable(Exception):
    """The witnesses of CASETRAIL_WITNESS or CASETRAIL_WITNESS_POLICY cannot be used."""


def read_witness_policy(settings: Settings) -> TrustPolicy:
    """The policy of CASETRAIL_WITNESS (`URL KEY`) or of the file CASETRAIL_WITNESS_POLICY; without both,
    no witness is asked. Raises WitnessUnusable."""
    witness, file = settings.witness, settings.witness_policy
    if witness is not None and file is not None:
        raise WitnessUnusable(
            "set either CASETRAIL_WITNESS or CASETRAIL_WITNESS_POLICY, not both: the policy names every "
            "witness"
        )
    if file is not None:
        policy = _read_file(file)
    elif witness is not None:
        url, _, key = witness.strip().partition(" ")
        try:
            policy = single_witness(parse_witness_key(key), url)
        except NoteBroken as error:
            raise WitnessUnusable(
                f"it must be `URL KEY`, as the witness prints it: {error}"
            ) from None
    else:
        return NO_WITNESS
    for one in policy.witnesses:
        _require_address(one.name, one.url)
    return policy


def _read_file(file: Path) -> TrustPolicy:
    try:
        return parse_policy(file.read_bytes())
    except (OSError, PolicyBroken) as error:
        raise WitnessUnusable(f"the witness policy {file}: {error}") from None


def _require_address(name: str, url: str | None) -> None:
    if url is None:
        raise WitnessUnusable(f"the witness {name} has no URL: write it after its key")
    try:
        scheme = httpx2.URL(url).scheme
    except httpx2.InvalidURL as error:
        raise WitnessUnusable(f"the witness {name}: {url} is not an address: {error}") from None
    if scheme not in ("http", "https"):
        raise WitnessUnusable(f"the witness {name}: {url} is not an http:// or https:// address")
