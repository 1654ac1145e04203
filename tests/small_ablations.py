"""A small ablation file, for tests that read, plan and run one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsearch.arms.plan import Plan
from archsearch.documents import parse
from archsearch.study import Study, study_of

ABLATION = """
schema: 1
kind: ablation
name: small
question: What earns its keep?
base:
  input: {resolution: 16}
  stem: {patch: {size: 2}}
  stages:
    - {width: 8, blocks: [{repeat: 2, conv_encoder: {kernel: 3}}]}
    - width: 16
      downsample: conv
      blocks: [{conv_encoder: {kernel: 5}}, {sdta: {splits: 2, heads: 2, position: true}}]
factors:
  convolution: {replace: {sdta: {conv_encoder: {kernel: 7}}}, claim: CLAIM}
  large_kernels: {set: {conv_encoder.kernel: 9}}
  expand:
    levels:
      expand_1: {set: {conv_encoder.expand: 1.0}}
      expand_2: {set: {conv_encoder.expand: 2.0}}
design: one_at_a_time
seeds: 3
training: {epochs: 1, batch_size: 64}
data: {name: digits, train: 96, validation: 50}
engine: local
"""

CLAIM = "{study: Table 7 components, setting: SDTA encoders replaced by convolution encoders}"

TWO_LEVELS = """
  convolution: {replace: {sdta: {conv_encoder: {kernel: 7}}}}
  large_kernels: {set: {conv_encoder.kernel: 9}}
  narrow: {set: {conv_encoder.expand: 2.0}}
"""


def ablation_data(**changes: str) -> dict[str, Any]:
    """The file's data, with some of its keys changed."""
    data: dict[str, Any] = parse(ABLATION.replace("CLAIM", CLAIM), "ablation.yaml").data
    return data | {key: parse(value, key).data for key, value in changes.items()}


def small_ablation(**changes: str) -> Study:
    """The study of the file; what is wrong is said with lines."""
    text = ABLATION.replace("CLAIM", CLAIM)
    document = parse(text, "ablation.yaml")
    document.data.update({key: parse(value, key).data for key, value in changes.items()})
    return study_of(document, Path())


def plan(**changes: str) -> Plan:
    """The plan of the file."""
    found = small_ablation(**changes).plan
    assert found is not None
    return found
