"""The summary of an analysis: its figures by name, what they mean, and where the results come from."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import xarray as xr

from debye import provenance, schema
from debye.analysis.definitions import BY_REGION, DEFINITIONS, NETWORK, ON_FLOOR, QUANTITIES, regions
from debye.frozen import AnalysisSlice

QUANTITY_FIGURES = ("error_median", "error_95", "relative_median", "relative_95", "floor_ratio")
"""Figures of every quantity of a sample."""


def summarise(
    frozen: AnalysisSlice, metrics: xr.Dataset, labels: xr.Dataset, predicted: xr.Dataset, finer: xr.Dataset
) -> dict[str, Any]:
    """Everything the report says in words and tables, as JSON."""
    grid = schema.grid_of(labels)
    families, counts = np.unique(labels["geometry"].values.astype(str), return_counts=True)
    rejected = {name: int(labels[name].sum()) for name in schema.VARIABLES if name.startswith("rejected_")}
    attributes = predicted.attrs
    seconds = metrics["history_seconds"].values
    return {
        "model": str(attributes["model"]),
        "source": provenance.source(),
        "date": provenance.now(),
        "grid": {
            "cells": grid.cells,
            "half_width": grid.half_width,
            "spacing": grid.spacing,
            "dim": grid.dim,
        },
        "samples": int(labels.sizes["sample"]),
        "samples_by_family": {str(f): int(n) for f, n in zip(families, counts, strict=True)},
        "rejected_draws": rejected,
        "warned_samples": int((labels["warnings"].values.astype(str) != "").sum()),
        "thinnest_layer_cells": _number(labels["layer_cells"].min()),
        "excluded_nodes": int(metrics["excluded_nodes"].sel(of=NETWORK).values[0]),
        "parameters": int(attributes["parameters"]),
        "target": str(attributes["target"]),
        "best_epoch": int(attributes["best_epoch"]),
        "epochs": int(metrics["history_epoch"].size),
        "training_seconds": _number(np.nansum(seconds)),
        "prediction_seconds": _number(attributes["seconds"]),
        "potential_range": _number(metrics["potential_range"].sel(of=NETWORK)),
        "floor": {"samples": int(finer.sizes["sample"]), "refine": int(finer.attrs["refine"])},
        "settings": json.loads(frozen.analysis.model_dump_json()),
        "figures": _figures(metrics),
        "definitions": _definitions(int(labels.sizes["sample"]), int(finer.sizes["sample"])),
        "regions": {region.name: region.formula for region in regions(frozen.analysis)},
        "quantities": {
            d.name: {"title": d.title, "formula": d.formula, "unit": str(unit)}
            for d, unit in zip(QUANTITIES.values(), metrics["quantity_unit"].values, strict=True)
        },
        "digests": {
            "data set, content": str(labels.attrs.get("content_digest", "not recorded")),
            "data set, code of its samples": _sample_code(json.loads(labels.attrs["configuration"])),
            "data set, code of its file": str(labels.attrs["code_digest"]),
            "label floor, code": str(finer.attrs.get("code_digest", "not recorded")),
            "network, code": str(attributes["code_digest"]),
            "analysis, code": frozen.code,
        },
        "configuration": {
            "data set": json.loads(labels.attrs["configuration"]),
            "network": json.loads(attributes["configuration"]),
            "analysis": json.loads(frozen.analysis.model_dump_json()),
        },
    }


def _definitions(samples: int, floor_samples: int) -> dict[str, Any]:
    """What each figure means, and over how many samples of the split the network's is taken."""
    return {
        d.name: {
            "title": d.title,
            "formula": d.formula,
            "unit": d.unit,
            "samples": floor_samples if d.name == "floor_ratio" else samples,
        }
        for d in DEFINITIONS.values()
    }


def _sample_code(configuration: dict[str, Any]) -> str:
    """Digest of the code that solved the samples, from the slices of the shards that were merged.

    Examples
    --------
    >>> _sample_code({"disc": {"code": "1f"}, "star": {"code": "1f"}})
    '1f'
    """
    # A shard that was never merged holds its own slice; a data set holds one for every family.
    slices = (configuration, *configuration.values())
    codes = {str(one["code"]) for one in slices if isinstance(one, dict) and "code" in one}
    return ", ".join(sorted(codes)) or "not recorded"


def _figures(metrics: xr.Dataset) -> dict[str, Any]:
    """Figures by name: network, network on the samples of the floor, or floor → family → region → figure.

    `quantities` stands beside the regions: quantity → figure.
    """
    nested: dict[str, Any] = {}
    for of in metrics["of"].values.tolist():
        here = metrics.sel(of=of)
        nested[of] = {
            family: {
                region: {
                    name: _number(here[name].sel(family=family, region=region))
                    for name in (*BY_REGION, "error_share", "node_share")
                    if name != "floor_ratio" or of == ON_FLOOR
                }
                for region in metrics["region"].values.tolist()
            }
            | {
                "interface_excess": _number(here["interface_excess"].sel(family=family)),
                "quantities": {
                    quantity: {
                        name: _number(here[f"quantity_{name}"].sel(family=family, quantity=quantity))
                        for name in QUANTITY_FIGURES
                        if name != "floor_ratio" or of == ON_FLOOR
                    }
                    for quantity in QUANTITIES
                },
                "samples": int(here["samples"].sel(family=family)),
            }
            for family in metrics["family"].values.tolist()
        }
    return nested


def _number(value: Any) -> float | None:
    """Plain number for JSON; None where there is none."""
    number = float(value)
    return number if math.isfinite(number) else None
