"""Queries on the reports."""
