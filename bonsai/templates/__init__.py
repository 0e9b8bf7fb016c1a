"""Template folders: where they are, what they hold, the shapes of their files, and new ones.

`contract` has a shape for every file that crosses a border, and reads each with errors that are
sentences; `new` writes a template to start from.
"""

from bonsai.templates import contract, new
from bonsai.templates.contract import Claim, Claims, History, Idea, Limits, read_ideas
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
    "Limits",
    "Option",
    "Reported",
    "Seeding",
    "Template",
    "Way",
    "contract",
    "find_templates",
    "new",
    "offset",
    "read_ideas",
    "templates_folder",
]
