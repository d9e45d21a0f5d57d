"""casetrail policy …"""

from api.commands.policy.asking import ASKING
from api.commands.policy.beside import policy

for command in ASKING:
    policy.add_command(command)

__all__ = ["policy"]
