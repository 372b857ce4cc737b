"""Inference: the request and event language, its wire, the client and the worker process."""
