"""The site, that cannot be loaded while the file BROKEN_IF is there."""

import os
from pathlib import Path

from chatsite.asgi import application as application

if Path(os.environ["BROKEN_IF"]).exists():
    raise RuntimeError("the application is broken")
