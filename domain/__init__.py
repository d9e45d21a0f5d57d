"""What an order, a case, a policy and a person are, and what may happen to them.

Imports the standard library and msgspec, nothing else. No clock, no I/O: time is an argument.

Structs that hold only values carry `gc=False`: being immutable trees they cannot form cycles, and the
collector need not visit the hundreds of thousands that a busy service keeps at hand.
"""
