# Poisson-Boltzmann data factory: shapes and charges are drawn, solved, learned, and the network's error is
# reported against the distance from the interface. Run `make run`, or `snakemake --cores N` in the environment.
# workflow/README.md lists the rules, every key of the configuration, and how to run another scenario.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


# A file given by --configfile is a whole configuration: Snakemake would merge it into config.yaml key by key,
# and families and models of the default would come along. Single keys (--config) do go on top of either.
if not workflow.overwrite_configfiles:

    configfile: Path(workflow.basedir) / "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/freeze.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/penalty.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    freeze,


rule all:
    default_target: True
    input:
        # The shards stand here because Snakemake would not miss one that was deleted after the merge.
        report="results/report/index.html",
        shards=all_shards(),
        penalty=rules.penalty_study.output,
