"""The commands of a checkout, `python -m src.<command>`; the package itself is src/portrait_cartoons."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # this checkout's package, not an installed one
