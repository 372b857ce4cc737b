"""Tests of vlmtui, laid out as `src/vlmtui` is."""
