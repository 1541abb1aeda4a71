"""Recipes: which layer is quantized how, as a user writes it down in JSON.

A recipe is a list of rules:

  [
    {"layers": ".*", "learner": "lsq", "weight_bits": 4},
    {"layers": "conv1|logits", "weight_bits": 8, "activation_bits": 8}
  ]

"layers" is a regular expression that matches a layer's *whole* name. Every rule that matches a
layer applies to it, in the order of the list, so that what a later rule says wins, key by key; what
no rule says is as the flags of tools.train have it. The keys are the fields of Rule. "scheme"
stands for its bits and granularity; those that the same rule names beside it win.

The layers that decide are those that become an op of the integer graph. A convolution decides for
the BatchNormalization and ReLU that it absorbs.
"""

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.errors import RecipeError
from pipeline.legacy_keras import tf_keras
from pipeline.qat.apply import apply as apply_specs
from pipeline.qat.layer_spec import LayerSpec
from pipeline.qat.ranges import LEARNERS, WEIGHT_LEARNERS
from pipeline.quant_params import ACTIVATION_BITS, SCHEMES, WEIGHT_BITS, QuantParams

_GRANULARITIES = ("per_channel", "per_tensor")


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule; None leaves a matter to earlier rules and the default.

    Attributes:
      layers: Regular expression of whole layer names.
      scheme: Key of quant_params.SCHEMES.
      weight_bits: 2 to 8.
      weight_granularity: "per_channel" or "per_tensor".
      activation_bits: 4 to 8.
      learner: Of the output's range; one of ranges.LEARNERS.
      weight_learner: Of the weights' range; one of ranges.WEIGHT_LEARNERS.
      quant_noise: Share of the weights that a training step rounds, above 0 and at most 1.
      skip: Whether the layer stays in float; conversion then refuses the model.
    """

    layers: str
    scheme: str | None = None
    weight_bits: int | None = None
    weight_granularity: str | None = None
    activation_bits: int | None = None
    learner: str | None = None
    weight_learner: str | None = None
    quant_noise: float | None = None
    skip: bool | None = None

    def matches(self, name: str) -> bool:
        """Returns whether the rule applies to a layer."""
        return re.fullmatch(self.layers, name) is not None

    def changed(self, spec: LayerSpec) -> LayerSpec:
        """Returns `spec` with what this rule says of it.

        Raises:
          SchemeError: The scheme has no such bits, or none for the learner.
        """
        scheme = SCHEMES[self.scheme] if self.scheme else spec.scheme
        scheme = scheme.with_bits(self.weight_bits, self.activation_bits)
        scheme = dataclasses.replace(scheme, **_given(weight_granularity=self.weight_granularity))
        others = _given(
            range_learner=self.learner,
            weight_learner=self.weight_learner,
            quant_noise=self.quant_noise,
        )
        return dataclasses.replace(spec, scheme=scheme, **others)


def read(path: os.PathLike[str] | str) -> list[dict[str, Any]]:
    """Returns the rules of a recipe file, checked, as they stand there.

    Raises:
      RecipeError: It is no recipe; names the rule and what is wrong with it.
      OSError: It cannot be read.
    """
    try:
        content = json.loads(
            pathlib.Path(path).read_text(encoding="utf-8"), object_pairs_hook=_without_repetition
        )
        parse(content)
    except (ValueError, RecipeError) as error:
        raise RecipeError(f"{path}: {error}") from error
    return content


def parse(content: Any) -> tuple[Rule, ...]:
    """Returns the rules of a recipe from decoded JSON.

    Raises:
      RecipeError: It is no recipe; names the rule and what is wrong with it.
    """
    if not isinstance(content, Sequence) or isinstance(content, str):
        raise RecipeError(f"needed a list of rules, got {type(content).__name__}")
    return tuple(_parse_rule(number, fields) for number, fields in enumerate(content, 1))


def apply(
    annotated_model: tf_keras.Model,
    rules: Sequence[Rule],
    default: LayerSpec,
    input_params: QuantParams,
) -> tf_keras.Model:
    """Makes a model quantization-aware as a recipe says.

    Args:
      annotated_model: As for qat.apply.
      rules: The recipe.
      default: What holds where no rule says otherwise.
      input_params: As for qat.apply.

    Raises:
      RecipeError: A rule matches no layer that decides.
      UnsupportedLayerError, SchemeError: As qat.apply.
    """
    asked: list[str] = []

    def spec_of(name: str) -> LayerSpec | None:
        asked.append(name)
        matching = [rule for rule in rules if rule.matches(name)]
        skips = [rule.skip for rule in matching if rule.skip is not None]
        if skips and skips[-1]:
            return None
        spec = default
        for rule in matching:
            spec = rule.changed(spec)
        return spec

    model = apply_specs(annotated_model, spec_of, input_params, storage=default.scheme.storage)
    for number, rule in enumerate(rules, 1):
        if not any(rule.matches(name) for name in asked):
            raise RecipeError(
                f"recipe, rule {number}: needed a regular expression that matches the whole name "
                f"of a layer of {annotated_model.name!r}, got {rule.layers!r}; there are "
                f"{', '.join(dict.fromkeys(asked))}"
            )
    return model


def _parse_rule(number: int, fields: Any) -> Rule:
    if not isinstance(fields, Mapping):
        raise RecipeError(f"rule {number}: needed an object, got {json.dumps(fields)}")
    for key, value in fields.items():
        if key not in _CHECKS:
            raise RecipeError(
                f"rule {number}: needed keys of {', '.join(_CHECKS)}, got {json.dumps(key)}"
            )
        needed, is_good = _CHECKS[key]
        if not is_good(value):
            raise RecipeError(f"rule {number}: {key}: needed {needed}, got {json.dumps(value)}")
    if "layers" not in fields:
        raise RecipeError(f'rule {number}: needed "layers", got {json.dumps(dict(fields))}')
    return Rule(**fields)


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _one_of(allowed: Sequence[Any]) -> tuple[str, Callable[[Any], bool]]:
    # True == 1 in Python, and 8.0 == 8; in a recipe they are mistakes.
    needed = f"one of {', '.join(map(str, allowed))}"
    return needed, lambda value: type(value) is type(allowed[0]) and value in allowed


def _is_pattern(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        re.compile(value)
    except re.error:
        return False
    return True


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


# key: (what is needed, whether a value is that).
_CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "layers": ("a regular expression of layer names", _is_pattern),
    "scheme": _one_of(tuple(SCHEMES)),
    "weight_bits": _one_of(WEIGHT_BITS),
    "weight_granularity": _one_of(_GRANULARITIES),
    "activation_bits": _one_of(ACTIVATION_BITS),
    "learner": _one_of(LEARNERS),
    "weight_learner": _one_of(WEIGHT_LEARNERS),
    "quant_noise": ("a number above 0 and at most 1", _is_share),
    "skip": ("true or false", lambda value: isinstance(value, bool)),
}


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a JSON object; Python's own decoder keeps the last of equal keys silently."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise RecipeError(f"key {json.dumps(repeated)} stands twice in one object")
    return fields
