"""A lifelike order stream for demonstrations: seeded, with every kind of exception in it."""

from infrastructure.sources.demonstration.stream import DemonstrationStream

__all__ = ["DemonstrationStream"]
