"""A realistic, seeded stream of orders for demonstrations, with every kind of exception."""

from infrastructure.sources.demonstration.stream import DemonstrationStream

__all__ = ["DemonstrationStream"]
