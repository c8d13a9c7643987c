# Errors of a network on the test split: metrics and figures.


rule analyse:
    input:
        frozen="results/frozen/analysis.json",
        prediction="results/predictions/{model}/test.nc",
        dataset=ancient("results/dataset/test.nc"),
        digests=DIGESTS,
        floor="results/floor/test.nc",
        history="results/models/{model}/history.csv",
    output:
        # A directory, so that figures of an older configuration go with it.
        folder=report(
            directory("results/analysis/{model}"),
            patterns=["{figure}.svg", "{figure}.png"],
            caption="../report/analysis.rst",
            category="Networks",
            subcategory="{model}",
            labels={"network": "{model}", "figure": "{figure}"},
        ),
    log:
        "results/logs/analyse/{model}.log",
    benchmark:
        "results/benchmarks/analyse/{model}.tsv"
    conda:
        "../../envs/debye.yaml"
    threads: 1 + DASK.beside
    resources:
        mem_mb=growing(4000 + DASK.beside * DASK.memory),
        runtime=growing(60),
        dask=DASK.text(),
    shell:
        "debye analyse --frozen {input.frozen} --prediction {input.prediction} --dataset {input.dataset}"
        " --floor {input.floor} --history {input.history} -o {output.folder}"
        " --dask {resources.dask} 2>&1 | tee {log}"
