"""Three witnesses for a benchmark, of which two make the quorum."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from api.serving import listen
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.cosignatures import WitnessClients
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.verifier.notes import COSIGNATURE, ML_DSA_44
from infrastructure.verifier.trust_policy import Group, TrustPolicy, Witness
from infrastructure.witness.cosigned_state import CosignedState
from infrastructure.witness.server import WitnessServer

KINDS = {"a": COSIGNATURE, "b": ML_DSA_44, "c": ML_DSA_44}


@contextmanager
def three_witnesses(checkpoints: Checkpoints, folder: Path) -> Iterator[WitnessClients]:
    """Serve three witnesses of this log; yields the clients that ask them."""
    with ExitStack() as stack:
        witnesses = []
        for name, kind in KINDS.items():
            place = folder / f"witness-{name}"
            cosigner = open_cosigner(place / "key", kind)
            state = CosignedState(place, cosigner, [checkpoints.signer.key])
            url = stack.enter_context(_served(state))
            witnesses.append(Witness(name, cosigner.key, url))
        policy = TrustPolicy([], witnesses, {"group": Group(2, [*KINDS])}, "group")
        yield WitnessClients(policy, checkpoints)


@contextmanager
def _served(state: CosignedState) -> Iterator[str]:
    with listen("127.0.0.1", 0) as listener, WitnessServer(listener, state) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
