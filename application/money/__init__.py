"""Adjustments: proposing, approving, paying and reconciling them."""
