"""A payment provider to run beside casetrail: a separate process with its own ledger.

It acts as another company's system, so it imports nothing else of casetrail. Every answer is in its
ledger, on disk, before it is sent.
"""
