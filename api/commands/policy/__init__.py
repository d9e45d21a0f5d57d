"""casetrail policy"""

from api.commands.policy.local import policy
from api.commands.policy.through_api import API_COMMANDS

for command in API_COMMANDS:
    policy.add_command(command)

__all__ = ["policy"]
