from tests.cli.conftest import casetrail, database

__all__ = ["casetrail", "database"]
