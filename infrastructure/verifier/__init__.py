"""Verifies exported bundles. Uses `domain.merkle`, the standard library and Ed25519, and nothing else of
the service. `python -m infrastructure.verifier BUNDLE` does what `casetrail verify` does."""
