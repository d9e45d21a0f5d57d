"""Adapters to the outside: PostgreSQL, files, payment and identity providers, and sources of signals."""
