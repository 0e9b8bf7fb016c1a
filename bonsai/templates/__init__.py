"""Template folders: where they are, what they hold, the shapes of their files, and new ones.

`contract` has a shape for every file that crosses a border, and reads each with errors that are
sentences; `idea_files` reads ideas in whatever shape they come; `new` writes a template to start
from.
"""

from bonsai.templates import contract, idea_files, new
from bonsai.templates.contract import Claim, Claims, History, Idea, Limits
from bonsai.templates.idea_files import IdeaSet, read_ideas
from bonsai.templates.reported import (
    SELF_REPORTED,
    Option,
    Reported,
    Seeding,
    Way,
    offset,
)
from bonsai.templates.template import (
    EDITABLE,
    HOME,
    LEFT_OUT,
    Template,
    find_templates,
    templates_folder,
)

__all__ = [
    "EDITABLE",
    "HOME",
    "LEFT_OUT",
    "SELF_REPORTED",
    "Claim",
    "Claims",
    "History",
    "Idea",
    "IdeaSet",
    "Limits",
    "Option",
    "Reported",
    "Seeding",
    "Template",
    "Way",
    "contract",
    "find_templates",
    "idea_files",
    "new",
    "offset",
    "read_ideas",
    "templates_folder",
]
