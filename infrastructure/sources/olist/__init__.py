"""Turns Olist's tables into the signals of several systems, in order of event time.

Source: the Brazilian marketplace data set published by Olist (orders, items, payments). Times are
local to São Paulo. Payments have no time and get that of the approval, else of the purchase;
`canceled` and `unavailable` get the latest known time of their order. The checkout states the payment
methods, so an order without any is known to have none.

The tables may be larger than memory: they are joined and sorted in a temporary SQLite file.
"""
