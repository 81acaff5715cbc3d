"""Benchmarks: README.md says which script writes which table."""
