# Each stage's slice of the configuration with a digest of the code that the stage runs.
#
# Snakemake sees the shell text of a rule and not the package behind it. The frozen file stands in for both: it is
# written only when its text differs, every job takes one as input, and `debye` refuses a file frozen with other code.


rule freeze:
    input:
        force_if_stale,
    output:
        "results/frozen/{name}.json",
    log:
        "results/logs/freeze/{name}.log",
    wildcard_constraints:
        name="[a-z][a-z0-9_/]*",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=100,
        runtime=1,
    params:
        text=frozen_text,
    shell:
        # The one rule without a `debye` command: dozens of files, each not worth the start of an interpreter.
        "printf '%s' {params.text:q} > {output} 2> {log}"
