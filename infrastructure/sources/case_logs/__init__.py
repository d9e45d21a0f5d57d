"""Reads logs of real incident queues and turns them into commands on cases.

A reader for each log translates its rows into common updates (`updates`); `plan` turns the updates of an
incident into commands and lists the steps that are impossible.

Sources: ServiceNow's incident event log (UCI) and Volvo IT's incidents (BPI Challenge 2013).
"""
