# Networks: trained on the training split, judged on the validation split, asked about the test split
# and every further one; and what their predictions say of themselves.


rule train:
    input:
        frozen="results/frozen/models/{model}.json",
        train=ancient("results/dataset/train.nc"),
        train_digest="results/dataset/train.digest",
        validation=ancient("results/dataset/validation.nc"),
        validation_digest="results/dataset/validation.digest",
        start=network_at_start,
    output:
        checkpoint="results/models/{model}/checkpoint.safetensors",
        history="results/models/{model}/history.csv",
    log:
        "results/logs/train/{model}.log",
    benchmark:
        "results/benchmarks/train/{model}.tsv"
    conda:
        "../../envs/debye.yaml"
    # As many as the run has, up to 16.
    threads: 16
    resources:
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        folder="results/models/{model}",
        # No output: Snakemake removes outputs before a job, and a killed training goes on from its state.
        state="results/state/{model}.pt",
        start=lambda wildcards, input: f"--start {input.start}" if input.start else "",
    shell:
        "debye train --frozen {input.frozen} --train {input.train} --validation {input.validation}"
        " {params.start} --state {params.state} -o {params.folder} 2>&1 | tee {log}"


rule predict:
    input:
        checkpoint="results/models/{model}/checkpoint.safetensors",
        dataset=ancient("results/dataset/{split}.nc"),
        digests=digests_of_prediction,
    output:
        prediction="results/predictions/{model}/{split}.nc",
    log:
        "results/logs/predict/{model}/{split}.log",
    benchmark:
        "results/benchmarks/predict/{model}/{split}.tsv"
    conda:
        "../../envs/debye.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        medium=medium_option,
    shell:
        "debye predict {input.dataset} --model {input.checkpoint} {params.medium} -o {output.prediction}"
        " 2>&1 | tee {log}"


rule certify:
    # How far a prediction's own estimate of its error is from the error, on splits that chose nothing of the network.
    input:
        frozen="results/frozen/certificate.json",
        checkpoint="results/models/{model}/checkpoint.safetensors",
        train=ancient("results/dataset/train.nc"),
        validation=ancient("results/dataset/validation.nc"),
        tests=ancient(expand("results/dataset/{split}.nc", split=COMPARED)),
        digests=expand("results/dataset/{split}.digest", split=CONFIG.splits),
    output:
        # Beside the checkpoint, where `debye predict` looks for it.
        certificate="results/models/{model}/checkpoint.certificate.json",
    log:
        "results/logs/certify/{model}.log",
    benchmark:
        "results/benchmarks/certify/{model}.tsv"
    conda:
        "../../envs/debye.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        tests=" ".join(
            f"--test {split}=results/dataset/{split}.nc" for split in COMPARED
        ),
    shell:
        "debye certify {input.checkpoint} --frozen {input.frozen} --train {input.train}"
        " --validation {input.validation} {params.tests} -o {output.certificate} 2>&1 | tee {log}"
