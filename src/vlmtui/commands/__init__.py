"""What can be done, once, for every front end: it says and changes, and shows nothing."""
