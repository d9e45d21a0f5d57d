"""Keeps the tables of reports up to date with the log."""
