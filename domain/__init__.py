"""The domain: orders, cases, policies and people, their events and their rules.

Imports the standard library and msgspec only. No clock and no I/O: time is an argument.

Structs that hold only values carry `gc=False`. They are immutable trees and cannot form cycles, so the
garbage collector can skip the hundreds of thousands that a busy service keeps in memory.
"""
