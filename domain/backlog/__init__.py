"""Backlogs: queues with too much or too old work, and their recovery plans."""
