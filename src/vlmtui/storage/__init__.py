"""Chats and pictures on disk."""
