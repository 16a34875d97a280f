"""Benchmarks, each runnable as ``python -m bench.NAME``: ours and the peers side by side in one run."""
