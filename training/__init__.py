"""How the bundled demo model was made: scenes, questions, training, export and evaluation.

Nothing here is imported by the app. ``training/README.md`` has the one command.
"""
