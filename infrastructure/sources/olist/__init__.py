"""Olist's tables as the signals of their several systems, in the order in which they happened.

Source: the Brazilian marketplace data set published by Olist (orders, items, payments). Times are
local to São Paulo. Payments carry no time of their own and take that of the approval, else of the
purchase; `canceled` and `unavailable` take the latest time known of their order. The checkout tells
the means of payment, so an order placed with none is known to have none.

The tables may be larger than memory: they are joined and sorted in a temporary SQLite file.
"""

from infrastructure.sources.olist.tables import OlistTables, TablesUnreadable

__all__ = ["OlistTables", "TablesUnreadable"]
