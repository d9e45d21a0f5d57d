"""Pulls: the lists of other systems, read page by page as documents say."""
