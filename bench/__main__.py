"""Runs every benchmark with its default, small sizes: ``python -m bench``."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import bench


def main() -> int:
    """Run each ``bench.NAME`` in a process of its own; returns 1 if any failed."""
    failed = []
    for module in sorted(found.name for found in pkgutil.iter_modules(bench.__path__) if found.name[0] != "_"):
        print(f"== python -m bench.{module}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{module}"], check=False).returncode:
            failed.append(module)
    print(f"failed: {', '.join(failed)}" if failed else "all ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
