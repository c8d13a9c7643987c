# The report: one self-contained page over all networks.


rule report:
    input:
        frozen="results/frozen/report.json",
        analyses=expand("results/analysis/{model}", model=CONFIG.models),
        digests=expand("results/dataset/{split}.digest", split=CONFIG.splits),
        penalty=rules.penalty_study.output,
        leaderboard=rules.leaderboard.output,
        certificates=expand(
            "results/models/{model}/checkpoint.certificate.json", model=CONFIG.models
        ),
        ablation=rules.ablation.output if CONFIG.ablation else [],
    output:
        page=report(
            "results/report/index.html",
            caption="../report/page.rst",
            category="Report",
            labels={"page": "all networks"},
        ),
    log:
        "results/logs/report.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        penalty=folder_shown("penalty"),
        leaderboard=folder_shown("leaderboard"),
        ablation=ablation_option,
    shell:
        "debye report {input.analyses} --frozen {input.frozen} --penalty {params.penalty}"
        " --leaderboard {params.leaderboard} {params.ablation} --models results/models -o {output.page} 2>&1 | tee {log}"
