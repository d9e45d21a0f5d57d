"""HTTP parts that all routes share: from a request to a command or a report, and to its answer."""
