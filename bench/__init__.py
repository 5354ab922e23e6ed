"""Benchmarks: the server process's CPU time, beside that of a minimal C server that does the same job.

Not part of the package that users install. Start with README.md; `make bench` runs `run.py`.
"""
