"""The models of this machine, and those that could be had."""
