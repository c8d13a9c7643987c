# The data set of a split, and the labels' own error.
#
# `merge` is a checkpoint for one reason: after it Snakemake looks again at what is still out of date. The jobs behind
# it take the digest of the data set's content as input and the data set itself as `ancient`. So a shard that was lost
# and made anew is merged, and nothing is trained again where the same samples came back. Only jobs that depend on a
# checkpoint directly are looked at again, hence DIGESTS also where a job feels the other splits through a network.


localrules:
    dataset,


checkpoint merge:
    input:
        frozen="results/frozen/merge/{split}.json",
        shards=shards_to_merge,
    output:
        dataset="results/dataset/{split}.nc",
        digest="results/dataset/{split}.digest",
    log:
        "results/logs/merge/{split}.log",
    benchmark:
        "results/benchmarks/merge/{split}.tsv"
    conda:
        "../../envs/debye.yaml"
    threads: 1 + DASK.beside
    resources:
        mem_mb=growing(2000 + DASK.beside * DASK.memory),
        runtime=growing(120),
        dask=DASK.text(),
    params:
        shards="results/shards/{split}",
    shell:
        "debye merge --frozen {input.frozen} --shards {params.shards} --digest {output.digest} -o {output.dataset}"
        " --dask {resources.dask} 2>&1 | tee {log}"


rule floor:
    input:
        frozen="results/frozen/floor.json",
        dataset=ancient("results/dataset/{split}.nc"),
        digest="results/dataset/{split}.digest",
    output:
        floor="results/floor/{split}.nc",
    log:
        "results/logs/floor/{split}.log",
    benchmark:
        "results/benchmarks/floor/{split}.tsv"
    wildcard_constraints:
        # Solved again in the configuration's medium: that of these splits, and not of every further one.
        split="|".join(MAIN_SPLITS),
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    shell:
        "debye floor --frozen {input.frozen} {input.dataset} -o {output.floor} 2>&1 | tee {log}"


# The data alone: `snakemake --cores N -- dataset`.
rule dataset:
    input:
        datasets=expand("results/dataset/{split}.nc", split=CONFIG.splits),
        digests=expand("results/dataset/{split}.digest", split=CONFIG.splits),
