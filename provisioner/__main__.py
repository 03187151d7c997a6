"""python -m provisioner."""

from __future__ import annotations

from provisioner.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
