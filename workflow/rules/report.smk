# The report: one self-contained page over all networks.


rule report:
    input:
        frozen="results/frozen/report.json",
        analyses=expand("results/analysis/{model}", model=CONFIG.models),
        digests=DIGESTS,
    output:
        page="results/report/index.html",
    log:
        "results/logs/report.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    shell:
        "debye report {input.analyses} --frozen {input.frozen} -o {output.page} 2>&1 | tee {log}"
