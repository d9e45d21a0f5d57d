"""python -m infrastructure.verifier BUNDLE [KEY [WITNESS]]: prints the verdict as JSON; exits with 0 if the
bundle is verified, else with 1."""

import json
import sys
from pathlib import Path

from infrastructure.verifier.bundle import verify


def main() -> int:
    if len(sys.argv) not in (2, 3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    witness = sys.argv[3] if len(sys.argv) == 4 else None
    found = verify(Path(sys.argv[1]), *sys.argv[2:3], witness=witness)
    print(json.dumps(found.document, separators=(",", ":")))
    return 0 if found.verified else 1


sys.exit(main())
