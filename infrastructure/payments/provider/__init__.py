"""A payment provider to run beside casetrail: a process of its own, with a ledger of its own.

In spirit it is somebody else's system, so it leans on nothing of casetrail's. What it has answered
is in its ledger before the answer leaves, whatever kills it.
"""
