"""The Merkle tree of RFC 9162 over the positions of the log: hashes, proofs and their verification.

Leaf number n (from 0) is position n + 1. It uses only the standard library, so that a verifier does
not need the service.
"""
