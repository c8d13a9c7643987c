# The penalty study: what σ does to error, spectrum and iterations of the solver; needs no sample.


rule penalty_family:
    input:
        frozen="results/frozen/penalty/{geometry}.json",
    output:
        family="results/penalty/families/{geometry}.nc",
    log:
        "results/logs/penalty/{geometry}.log",
    benchmark:
        "results/benchmarks/penalty/{geometry}.tsv"
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    shell:
        "debye penalty-family --frozen {input.frozen} -o {output.family} 2>&1 | tee {log}"


rule penalty_study:
    input:
        frozen="results/frozen/penalty.json",
        families=expand(
            "results/penalty/families/{geometry}.nc", geometry=CONFIG.studied
        ),
    output:
        study="results/penalty/study.nc",
        findings="results/penalty/findings.json",
        recommendation="results/penalty/recommendation.md",
        figure=report(
            "results/penalty/penalty.svg",
            caption="../report/penalty.rst",
            category="Penalty study",
            labels={"figure": "penalty"},
        ),
    log:
        "results/logs/penalty.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folder=folder_made,
    shell:
        "debye penalty-study {input.families} --frozen {input.frozen} -o {params.folder} 2>&1 | tee {log}"
