"""What runs inside the worker process; nothing here is imported by the app itself."""
