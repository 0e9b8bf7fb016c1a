"""Template folders: where they are, what they hold, the shapes of their files, and new ones.

`contract` has a shape for every file that crosses a border, and reads each with errors that are
sentences; `idea_files` reads ideas in whatever shape they come; `new` writes a template to start
from.
"""

from bonsai.templates import contract, idea_files, new
from bonsai.templates.contract import Claim, Claims, History, Idea, Limits
from bonsai.templates.idea_files import IdeaSet, read_ideas
from bonsai.templates.places import (
    HOME,
    find_templates,
    folder_for_new,
    idea_file,
    list_templates,
    offered,
    templates_folder,
)
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
    LEFT_OUT,
    Template,
    copy_template,
    is_installed,
    make_writable,
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
    "copy_template",
    "find_templates",
    "folder_for_new",
    "idea_file",
    "idea_files",
    "is_installed",
    "list_templates",
    "make_writable",
    "new",
    "offered",
    "offset",
    "read_ideas",
    "templates_folder",
]
