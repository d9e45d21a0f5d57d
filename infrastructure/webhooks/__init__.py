"""Webhooks of other systems: whether a request comes from its sender, unchanged and in time."""
