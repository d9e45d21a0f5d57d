"""casetrail policy …"""

from api.commands.policy.local import policy
from api.commands.policy.through_api import ASKING

for command in ASKING:
    policy.add_command(command)

__all__ = ["policy"]
