"""How an expansion writes down the calls that stand in place of one."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.legacy_keras import tf_keras
from pipeline.qat.keras_graph import Call, Ref

# Layers that were made for another one, by that layer and what they do for it, so that several
# calls of a shared layer share them too. Holds the layer itself: ids are reused after deletion.
Made = dict[tuple[int, str], tuple[tf_keras.layers.Layer, tf_keras.layers.Layer]]


class Steps:
    """The calls in place of `call`, in order."""

    def __init__(self, call: Call, made: Made) -> None:
        self.call = call
        self._made = made
        self._calls: list[Call] = []

    def name(self, role: str) -> str:
        """Returns the name of a layer that does something for the call's layer."""
        return f"{self.call.name}_{role}"

    def layer(self, role: str, make: Callable[[], Any]) -> Any:
        """Returns what `make` makes, once for all calls of the call's layer."""
        key = id(self.call.layer), role
        if key not in self._made:
            self._made[key] = self.call.layer, make()
        return self._made[key][1]

    def weighted(
        self,
        role: str,
        make: Callable[[], tf_keras.layers.Layer],
        input_shape: tuple[int | None, ...],
        weights: Callable[[], list[np.ndarray]],
    ) -> tf_keras.layers.Layer:
        """Likewise, built for an input and given weights."""

        def build() -> tf_keras.layers.Layer:
            layer = make()
            layer.build(input_shape)
            layer.set_weights(weights())
            return layer

        return self.layer(role, build)

    def add(self, layer: tf_keras.layers.Layer, *operands: Ref) -> Ref:
        """Appends a call of a layer and returns its output."""
        shapes = [operand.shape for operand in operands]
        single = len(operands) == 1
        shape = layer.compute_output_shape(shapes[0] if single else shapes)
        output = Ref(object(), tuple(shape))
        self._calls.append(
            dataclasses.replace(
                self.call,
                layer=layer,
                name=layer.name,
                args=(operands[0] if single else list(operands),),
                kwargs={},
                outputs=(output.tensor,),
            )
        )
        return output

    def finished(self) -> list[Call]:
        """Returns the calls; the last one makes what the call made."""
        last = dataclasses.replace(self._calls[-1], outputs=self.call.outputs)
        return [*self._calls[:-1], last]
