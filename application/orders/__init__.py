"""Signals about orders: intake, look-ups and replay."""
