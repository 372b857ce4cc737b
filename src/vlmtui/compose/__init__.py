"""What is on its way into a message: pictures, paths, texts, and how they are found."""
