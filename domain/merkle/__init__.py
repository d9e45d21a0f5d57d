"""The Merkle tree of RFC 9162 over the positions of the log: hashes, proofs, and how they are checked.

Leaf number n (from 0) is position n + 1. Nothing but the standard library, so that whoever verifies
needs nothing of the service.
"""
