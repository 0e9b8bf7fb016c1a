"""The contract of a template, as something that can be run.

`examine` checks a template's folder, ours or a stranger's, against what The AI Scientist and this
runner ask of one; `examine_environment` checks the machine. Both return findings, for people.
"""

from bonsai.doctor.examination import examine, fix_baseline, report
from bonsai.doctor.finding import Finding, Status
from bonsai.doctor.machine import examine_environment

__all__ = ["Finding", "Status", "examine", "examine_environment", "fix_baseline", "report"]
