"""Things to touch in a page, offline: by mouse, touch or keyboard; what they hold is seen without a script, too.

There is a module for each, with its html, css and js, and all of them are called as `widgets.name`. Each function
returns HTML for a notebook to display.
"""

from .confusion import confusion_table
from .corruption import corruption_slider
from .epochs import epoch_slider
from .recipes import recipe_rows, recipe_table
from .threshold import threshold_sliders

__all__ = [
    "confusion_table",
    "corruption_slider",
    "epoch_slider",
    "recipe_rows",
    "recipe_table",
    "threshold_sliders",
]
