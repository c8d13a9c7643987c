# The leaderboard: every network on the test split and on every further one, with its cost beside the solver's.


rule cost:
    # Network and solver one after the other in one job, so that both are timed on the same node.
    input:
        frozen="results/frozen/solver_cost.json",
        checkpoint="results/models/{model}/checkpoint.safetensors",
        dataset=ancient("results/dataset/test.nc"),
        digests=DIGESTS,
    output:
        network="results/leaderboard/cost/{model}/network.json",
        solver="results/leaderboard/cost/{model}/solver.json",
    log:
        "results/logs/cost/{model}.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    shell:
        "( debye cost {input.checkpoint} --dataset {input.dataset} -o {output.network};"
        " debye solver-cost {input.dataset} --frozen {input.frozen} -o {output.solver} ) 2>&1 | tee {log}"


rule leaderboard:
    input:
        frozen="results/frozen/leaderboard.json",
        predictions=expand(
            "results/predictions/{model}/{split}.nc",
            model=CONFIG.models,
            split=COMPARED,
        ),
        datasets=ancient(expand("results/dataset/{split}.nc", split=COMPARED)),
        digests=expand("results/dataset/{split}.digest", split=CONFIG.splits),
        costs=expand(
            "results/leaderboard/cost/{model}/{what}.json",
            model=CONFIG.models,
            what=["network", "solver"],
        ),
    output:
        multiext(
            "results/leaderboard/leaderboard",
            ".json",
            ".csv",
            ".md",
        ),
        figure=report(
            "results/leaderboard/error_against_parameters.svg",
            caption="../report/leaderboard.rst",
            category="Leaderboard",
            labels={"figure": "error against parameters"},
        ),
    log:
        "results/logs/leaderboard.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        folder=folder_made,
    shell:
        "debye leaderboard --frozen {input.frozen} --predictions results/predictions --datasets results/dataset"
        " --costs results/leaderboard/cost -o {params.folder} 2>&1 | tee {log}"
