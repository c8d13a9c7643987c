# Shards: the random shapes and charges of one family and one seed, solved.


rule sample:
    input:
        frozen="results/frozen/shards/{split}/{geometry}.json",
    output:
        shard="results/shards/{split}/{geometry}/seed{seed}.nc",
    log:
        "results/logs/sample/{split}/{geometry}/seed{seed}.log",
    benchmark:
        "results/benchmarks/sample/{split}/{geometry}/seed{seed}.tsv"
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        # `debye plan` aims at 20 to 60 minutes on the machine where it is asked; a node may be half as fast.
        runtime=growing(120),
    shell:
        "debye sample --frozen {input.frozen} --seed {wildcards.seed} -o {output.shard} 2>&1 | tee {log}"
