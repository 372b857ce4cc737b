"""The bundled demo model, and the code that made it."""
