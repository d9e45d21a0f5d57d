"""Backlogs: queues that hold more, or older, work than they should, and the plans to recover them."""
