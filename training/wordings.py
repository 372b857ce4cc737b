"""The many ways in which people ask; ``{}`` stands for what is asked about.

One wording a line. A wording that stands twice is asked twice as often.
"""

from __future__ import annotations


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text, blank ones left out."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


COLOR = lines("""
    What color is the {}?
    What color is the {}?
    What color is the {}?
    What colour is the {}?
    Which color is the {}?
    What is the color of the {}?
    What's the color of the {}?
    The {} is what color?
    Tell me the color of the {}.
    What color does the {} have?
    What color is the {} in the image?
    What is the colour of the {}?
    Name the color of the {}.
    Can you tell me what color the {} is?
    In which color is the {} drawn?
    {} color?
    What color is that {}?
    What color is the {} in this picture?
    Color of the {}?
    Which colour does the {} have?
    What color is the {} shown here?
    what is the {}'s color?
""")

SHAPE = lines("""
    What shape is {}?
    What shape is {}?
    What shape is {}?
    Which shape is {}?
    What is {}?
    What shape is the {} one?
    What is the {} shape?
    Which shapes are {}?
    What kind of shape is {}?
    What's the shape of the {} object?
    What is the shape of the {} thing?
    Which of the shapes is {}?
    What {} shape is there?
    What type of shape is the {} one?
    Name the {} shape.
    What shape has the color {}?
    What is the {} object?
    Which one is {}?
    The {} shape is what?
    What shape is colored {}?
    What shape is the {} object?
    What is the {} thing?
    Which shape is {} in the image?
    Tell me what shape is {}.
    What object is {}?
    Which object is {}?
""")

COUNT = lines("""
    How many shapes are there?
    How many shapes are there?
    How many shapes are there?
    How many shapes are in the image?
    How many shapes do you see?
    How many shapes can you see?
    How many shapes are in this picture?
    How many objects are there?
    Count the shapes.
    What is the number of shapes?
    How many shapes does the image show?
    Number of shapes?
    How many figures are there?
    How many shapes does the image contain?
    How many things are there?
    How many objects are in the image?
    Can you count the shapes?
    How many shapes in total?
    How many shapes are shown?
    How many shapes are visible?
    How many?
    How many shapes?
    What's the total number of shapes?
    How many shapes are drawn here?
    Please count the shapes in the image.
""")

COUNT_SOME = lines("""
    How many {}s are there?
    How many {}s are there?
    How many {}s are in the image?
    How many {}s do you see?
    Count the {}s.
    How many {}s can you see?
    What is the number of {}s?
    How many {}s are in this picture?
""")

EXISTS = lines("""
    Is there {}?
    Is there {}?
    Is there {}?
    Is there {}?
    Is there {} in the image?
    Do you see {}?
    Can you see {}?
    Does the image contain {}?
    Is {} in the picture?
    Does the picture show {}?
    Is there {} here?
    Are there any {s}?
    Are there {s}?
    Is {} visible?
    Does this image have {}?
    Can you find {}?
    Is there {} in this picture?
    Is there any {n}?
    Do you see any {s}?
    Does the image have {}?
    Is there {} anywhere?
""")
"""Here ``{}`` has its article, ``{n}`` hasn't, and ``{s}`` is the plural."""

WHERE = lines("""
    Where is the {}?
    Where is the {}?
    Where is the {}?
    Where is the {}?
    Where's the {}?
    Where is the {} located?
    Where can I find the {}?
    In which part of the image is the {}?
    Where do you see the {}?
    What is the position of the {}?
    Where is the {} in the image?
    Find the {}.
    Locate the {}.
    Tell me where the {} is.
    At which position is the {}?
    In what part of the picture is the {}?
    Where in the image is the {}?
    What is the location of the {}?
    Which cell is the {} in?
    Where is the {} placed?
    Can you tell me where the {} is?
""")

BIGGER = lines("""
    Which is bigger, the {} or the {}?
    Which is bigger, the {} or the {}?
    Which is bigger, the {} or the {}?
    Which is larger, the {} or the {}?
    Which one is bigger, the {} or the {}?
    Which is bigger: the {} or the {}?
    What is bigger, the {} or the {}?
    Is the {} or the {} bigger?
    Which is bigger, {} or {}?
    Which shape is bigger, the {} or the {}?
    Which shape is larger, the {} or the {}?
    Which one is larger: the {} or the {}?
    Compare the {} and the {}: which is bigger?
    Of the {} and the {}, which is bigger?
    Between the {} and the {}, which one is bigger?
    What's bigger, the {} or the {}?
    Who is bigger, the {} or the {}?
""")

SMALLER = lines("""
    Which is smaller, the {} or the {}?
    Which one is smaller, the {} or the {}?
    Which is smaller: the {} or the {}?
    What is smaller, the {} or the {}?
    Is the {} or the {} smaller?
""")

EXTREME = lines("""
    What is the {} shape?
    Which shape is the {}?
    Which is the {} shape?
    What's the {} shape?
    Name the {} shape.
    Which one is the {}?
    Which object is the {}?
    What is the {} object?
""")

DESCRIBE = lines("""
    Describe the image.
    Describe the image.
    Describe the image.
    Describe the image.
    Describe this image.
    Describe the picture.
    What do you see?
    What is in the image?
    What can you see?
    What's in this picture?
    Tell me about the image.
    What is in the picture?
    What does the image show?
    Please describe the image.
    Describe what you see.
    What is this?
    Describe this picture in detail.
    What's in the image?
    Can you describe the image?
    Describe the scene.
    What is shown in the image?
    Explain the image.
    What is on this image?
    Describe it.
    Give me a description of the image.
    What do you see in this picture?
""")

SHAPES = lines("""
    What shapes are there?
    What shapes do you see?
    Which shapes are in the image?
    List the shapes.
    Name the shapes.
    What shapes are in the image?
    What objects are there?
    Which shapes can you see?
    List all shapes in the image.
""")

COLORS = lines("""
    What colors are there?
    What colors do you see?
    Which colors do the shapes have?
    What colors are the shapes?
    List the colors.
    Which colors are in the image?
""")

AT_PLACE = lines("""
    What is {}?
    What's {}?
    What is there {}?
    What do you see {}?
    Which object is {}?
""")

SHAPE_AT_PLACE = lines("""
    What shape is {}?
    Which shape is {}?
    What is the shape {}?
""")

COLOR_AT_PLACE = lines("""
    What color is the shape {}?
    What is the color of the shape {}?
    What color is {}?
""")

MORE = lines("""
    Which {n} has {w} shapes?
    Which {n} has {w} shapes?
    Which {n} has {w} shapes?
    Which {n} contains {w} shapes?
    Which of the images has {w} shapes?
    In which {n} are there {w} shapes?
    Are there {w} shapes in the first or the second image?
    Which {n} shows {w} objects?
    What image has {w} shapes?
""")

WHICH_HAS = lines("""
    Which image has {}?
    Which picture shows {}?
    In which image is there {}?
    Which image contains {}?
""")

DESCRIBE_BOTH = lines("""
    Describe the images.
    Describe both images.
    What do you see in the images?
    What is in these pictures?
    Describe the two images.
    Compare the images.
""")

TOTAL = lines("""
    How many shapes are there in total?
    How many shapes are in both images?
    How many shapes are in the two images together?
""")

POLITE = lines("""
    Please tell me: {}
    Hi! {}
    Look at the image. {}
    {} Thanks!
    Hey, {}
    {} Please answer briefly.
    OK, {}
    Now tell me: {}
    So, {}
    {} please
""")

SPOKEN_PLACES = {
    "top left": ("top left", "top left corner", "upper left", "top-left"),
    "top": ("top", "top middle", "top center", "upper middle"),
    "top right": ("top right", "top right corner", "upper right", "top-right"),
    "left": ("left", "left side", "middle left", "center left"),
    "center": ("center", "middle", "centre", "center of the image"),
    "right": ("right", "right side", "middle right", "center right"),
    "bottom left": ("bottom left", "bottom left corner", "lower left", "bottom-left"),
    "bottom": ("bottom", "bottom middle", "bottom center", "lower middle"),
    "bottom right": ("bottom right", "bottom right corner", "lower right", "bottom-right"),
}
