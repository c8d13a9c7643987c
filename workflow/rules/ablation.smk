# The ablation, where the configuration has one: small networks that differ from a base in one thing each, every one
# trained with several seeds. Samples on another grid come from the rules `sample` and `merge`, as those of further splits.


wildcard_constraints:
    variant="[a-z][a-z0-9_]*",


rule ablation_train:
    input:
        frozen="results/frozen/ablation/{variant}/seed{seed}.json",
        train=ancient(ablated("train", "nc")),
        train_digest=ablated("train", "digest"),
        validation=ancient(ablated("validation", "nc")),
        validation_digest=ablated("validation", "digest"),
    output:
        checkpoint="results/ablation/{variant}/seed{seed}/checkpoint.safetensors",
        history="results/ablation/{variant}/seed{seed}/history.csv",
    log:
        "results/logs/ablation/train/{variant}/seed{seed}.log",
    benchmark:
        "results/benchmarks/ablation/train/{variant}/seed{seed}.tsv"
    conda:
        "../../envs/debye.yaml"
    # Many small networks: as many side by side as there are cores.
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        folder="results/ablation/{variant}/seed{seed}",
        # No output, as that of the rule `train`.
        state="results/state/ablation/{variant}/seed{seed}.pt",
    shell:
        "debye train --frozen {input.frozen} --train {input.train} --validation {input.validation}"
        " --state {params.state} -o {params.folder} 2>&1 | tee {log}"


rule ablation_predict:
    input:
        checkpoint="results/ablation/{variant}/seed{seed}/checkpoint.safetensors",
        dataset=ancient(ablated("test", "nc")),
        train_digest=ablated("train", "digest"),
        validation_digest=ablated("validation", "digest"),
        digest=ablated("test", "digest"),
    output:
        prediction="results/ablation/{variant}/seed{seed}/test.nc",
    log:
        "results/logs/ablation/predict/{variant}/seed{seed}.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    shell:
        "debye predict {input.dataset} --model {input.checkpoint} -o {output.prediction} 2>&1 | tee {log}"


rule ablation:
    input:
        frozen="results/frozen/ablation.json",
        predictions=expand(
            "results/ablation/{variant}/seed{seed}/test.nc",
            variant=CONFIG.ablation.names,
            seed=CONFIG.ablation.seeds,
        ),
        datasets=ancient(expand("results/dataset/{split}.nc", split=ABLATED["test"])),
        digests=expand(
            "results/dataset/{split}.digest",
            split=[split for splits in ABLATED.values() for split in splits],
        ),
    output:
        multiext("results/ablation/ablation", ".json", ".csv", ".md"),
    log:
        "results/logs/ablation.log",
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        folder=folder_made,
    shell:
        "debye ablation --frozen {input.frozen} --predictions {params.folder} --datasets results/dataset"
        " -o {params.folder} 2>&1 | tee {log}"
