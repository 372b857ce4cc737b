"""Pictures in the transcript, in lists, and large."""
