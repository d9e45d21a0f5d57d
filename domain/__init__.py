"""What an order, a case, a policy and a person are, and what may happen to them.

Imports the standard library and msgspec, nothing else. No clock, no I/O: time is an argument.
"""
