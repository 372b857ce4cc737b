"""The conversation, of which only what is in view has widgets."""
