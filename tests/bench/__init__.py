"""Benchmarks: figures for people, run with ``make bench``; nothing here passes or fails by the clock."""
