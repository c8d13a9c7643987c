# `snakemake` in the repository's root. The workflow is in workflow/, where Snakemake's catalog looks for it.

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/Snakefile"


# An included file does not choose the default target.
workflow.default_target = "all"
