"""Runs the reports: tables, generations, positions."""
