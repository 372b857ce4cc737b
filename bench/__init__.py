"""Benchmarks: each module is a command that prints a table and, with --json, its figures.

They compare two ways of doing the same thing in one run, interleaved, because absolute times say
more about the machine and its other work than about the code.
"""
