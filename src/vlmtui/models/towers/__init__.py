"""Vision towers as graphs: which were made on this machine, and how another one is made.

`tower_store` says which there are; `tower_making` has one made by a process of its own.
"""
