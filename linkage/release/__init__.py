"""What a researcher receives: longitudinal assembly, per-release IDs, the bundle."""
