"""The conversation: joins engine and storage, knows no screen."""
