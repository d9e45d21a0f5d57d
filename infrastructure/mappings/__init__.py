"""Mapping documents: they say how the deliveries of a system become signals. Nothing of a system is code."""
