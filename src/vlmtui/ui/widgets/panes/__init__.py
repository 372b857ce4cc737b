"""What stands beside the transcript and below it."""
