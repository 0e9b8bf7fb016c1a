"""Template folders: where they are, what they hold, the shapes of their files, and new ones.

`contract` has a shape for every file that crosses a border, and reads each with errors that are
sentences; `idea_files` reads ideas in whatever shape they come; `inspection` tells from the text of
a template's code what it needs; `new` writes a template to start from.
"""

from bonsai.templates import contract, idea_files, new
from bonsai.templates.arguments import arguments
from bonsai.templates.contract import Claim, Claims, History, Idea, Limits
from bonsai.templates.idea_files import IdeaSet, read_ideas
from bonsai.templates.idea_mending import slug
from bonsai.templates.inspection import (
    Sight,
    calls_a_model,
    distribution,
    downloads,
    install,
    missing_by_error,
    missing_packages,
    see_downloads,
    see_missing_packages,
    see_model_calls,
)
from bonsai.templates.modules import Module, modules, parse
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
    "Module",
    "Option",
    "Reported",
    "Seeding",
    "Sight",
    "Template",
    "Way",
    "arguments",
    "calls_a_model",
    "contract",
    "copy_template",
    "distribution",
    "downloads",
    "find_templates",
    "folder_for_new",
    "idea_file",
    "idea_files",
    "install",
    "is_installed",
    "list_templates",
    "make_writable",
    "missing_by_error",
    "missing_packages",
    "modules",
    "new",
    "offered",
    "offset",
    "parse",
    "read_ideas",
    "see_downloads",
    "see_missing_packages",
    "see_model_calls",
    "slug",
    "templates_folder",
]
