"""python -m infrastructure.verifier BUNDLE [KEY]: prints the verdict as JSON; 0 if it is verified."""

import json
import sys
from pathlib import Path

from infrastructure.verifier.bundle import verify


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    found = verify(Path(sys.argv[1]), *sys.argv[2:])
    print(json.dumps(found.told, separators=(",", ":")))
    return 0 if found.verified else 1


sys.exit(main())
