"""Verifies what was exported: with the tree of `domain.merkle`, the standard library and Ed25519, and
with nothing else of the service. `python -m infrastructure.verifier BUNDLE` is `casetrail verify`."""
