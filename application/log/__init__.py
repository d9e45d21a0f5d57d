"""The event log: the one append, event encoding, repositories and sealed personal data."""
