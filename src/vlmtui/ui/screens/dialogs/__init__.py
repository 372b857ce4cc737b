"""What lies over another screen for one question."""
