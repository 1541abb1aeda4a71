"""From an annotated Keras model to a quantization-aware one, by rebuilding the functional graph.

The user marks layers with tfmot's quantize_annotate_layer or our annotate_model. Nested models are
inlined (keras_graph.py) and layers that are no integer op of their own are written as those that
are (expand/). Then each marked convolution and Dense becomes one layer together with the
BatchNormalization and ReLU behind it; ranges are placed where the integer graph will have them:

  Add, Subtract, Multiply -> ReLU    one range, after the ReLU
  Concatenate                        one range, on its output; none on an input that nothing else
                                     reads
  MaxPooling2D, ZeroPadding2D, Reshape, Flatten, Dropout, ...    none: they keep their input's
  AveragePooling2D, UpSampling2D     none: the kernels keep their input's
  Softmax, sigmoid, tanh             the op's own, fixed
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipeline.errors import SchemeError, UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import (
    activation_names,
    annotation,
    expand,
    from_keras,
    keras_graph,
    layers,
    left_behind,
    precision,
)
from pipeline.qat.flow import Flow
from pipeline.qat.keras_graph import Call
from pipeline.qat.layer_spec import LayerSpec
from pipeline.qat.leave import leave
from pipeline.quant_params import QuantParams, QuantScheme, Storage

_keras = tf_keras.layers


def apply(
    annotated_model: tf_keras.Model,
    scheme: QuantScheme | Callable[[str], LayerSpec | None],
    input_params: QuantParams,
    ema_decay: float = 0.99,
    storage: Storage = "int8",
) -> tf_keras.Model:
    """Rebuilds an annotated model with fake quantization; weights are copied.

    Args:
      annotated_model: From annotate_model, or built with quantize_annotate_layer.
      scheme: Bits and granularity of weights and activations; or a function from a layer's name to
        its LayerSpec, or to None for a layer that stays in float. A layer absorbs the
        BatchNormalization and ReLU behind it and decides for them; pooling, resizing and a ReLU by
        itself keep the bits of their input.
      input_params: int8 parameters of every model input.
      ema_decay: Smoothing of the activation ranges, per training step; unused with a function.
      storage: Type that activations are stored in, with a function; a scheme has its own.

    Raises:
      UnsupportedLayerError: An annotated layer has no integer counterpart, or one does not compute
        in float32; names it.
      SchemeError: A layer is to be stored in another type.
    """
    precision.check_float32(annotated_model)
    if isinstance(scheme, QuantScheme):
        spec = LayerSpec(scheme, ema_decay=ema_decay)
        return _Rebuild(annotated_model, lambda _: spec, scheme.storage, input_params).run()
    return _Rebuild(annotated_model, scheme, storage, input_params).run()


@dataclasses.dataclass(frozen=True)
class _Value:
    """A rebuilt tensor, and the grid it lies on, if any, with the bits of its codes."""

    tensor: object
    grid: object = None
    num_bits: int = 8


class _Rebuild:
    """One walk over the calls of a model."""

    def __init__(self, model, spec_of, storage: Storage, input_params):
        self._model = model
        self._name_spec = spec_of
        self._storage: Storage = storage
        self._input_params = input_params
        graph = leave(keras_graph.flatten(model), lambda name: spec_of(name) is None)
        left_behind.warn(graph)
        self._graph = expand.expand(graph, tuple(from_keras.FOLDABLE))
        self._flow = Flow(self._graph)
        self._inputs: dict = {}
        self._values: dict = {}
        self._names: set[str] = set()
        self._absorbed: set[int] = set()
        self._folded: dict = {}
        self._slopes: list = []

    def run(self) -> tf_keras.Model:
        for call in self._graph.calls:
            if id(call) not in self._absorbed:
                self._rebuild(call)
        inputs = [self._inputs[tensor] for tensor in self._graph.inputs]
        outputs = [self._values[tensor].tensor for tensor in self._graph.outputs]
        model = tf_keras.Model(_single(inputs), _single(outputs), name=self._model.name)
        for twin, layer, norm in self._folded.values():
            from_keras.copy_folded_weights(twin, layer, norm)
        for twin, layer in self._slopes:
            twin.alpha.assign(np.asarray(layer.alpha))
        return model

    def _rebuild(self, call: Call) -> None:
        layer = call.layer
        if isinstance(layer, _keras.InputLayer):
            self._input(call, layer)
        elif call.config is not None:
            wrapper = annotation.wrap(layer, call.config)
            self._store(call, call.replay(wrapper, self._tensors()))
        elif not call.is_annotated:
            self._store(call, call.replay(self._named(call), self._tensors()))
        elif isinstance(layer, from_keras.GRID_KEEPING):
            self._keep_grid(call)
        elif type(layer) in from_keras.FOLDABLE:
            self._foldable(call)
        elif type(layer) is _keras.Activation and activation_names.of_layer(layer) == "linear":
            self._values[call.outputs[0]] = self._value(call)
        else:
            self._plain(call)

    def _input(self, call, layer) -> None:
        (shape,) = layer.input_shape
        tensor = tf_keras.Input(shape[1:], name=call.name)
        self._inputs[call.outputs[0]] = tensor
        scale, zero_point = self._input_params.per_tensor
        quantized = layers.QuantizedInput(
            scale,
            zero_point,
            output=layers.ActivationSpec(quantize=False, storage=self._storage),
            name=self._fresh(f"{call.name}_quantized"),
        )
        self._store(call, quantized(tensor))

    def _keep_grid(self, call: Call) -> None:
        value = self._value(call)
        kept = call.replay(self._named(call), self._tensors())
        if value.grid is None or len(self._flow.readers(call.outputs[0])) < 2:
            self._store(call, kept, value.grid, value.num_bits)
            return
        says_grid = layers.KeptGrid(
            output=layers.ActivationSpec(quantize=False, storage=self._storage),
            name=self._fresh(f"{call.name}_grid"),
        )
        self._store(call, says_grid(kept, input_grid=value.grid), num_bits=value.num_bits)

    def _foldable(self, call: Call) -> None:
        layer = call.layer
        from_keras.check_foldable(layer)
        activation, last, norm, absorbed = activation_names.of_layer(layer), call, None, list[str]()
        if activation == "linear":
            norm = self._absorb(last, lambda it: isinstance(it, _keras.BatchNormalization))
            if norm is not None:
                last = norm
                absorbed.append(norm.name)
            last, activation = self._absorb_relu(last, absorbed)
        output = self._output(call, last, activation)
        self._apply(self._folded_twin(call, norm, output, absorbed), call, last)

    def _folded_twin(self, call: Call, norm: Call | None, output, absorbed):
        """Makes a folded layer, or finds the one made for an earlier call of a shared layer."""
        layer = call.layer
        if id(layer) not in self._folded:
            twin = from_keras.FOLDABLE[type(layer)](
                layer,
                weights=from_keras.weight_spec(layer, self._spec_of(call)),
                batch_norm=None if norm is None else from_keras.batch_norm_spec(norm),
                use_bias=layer.use_bias,
                kernel_regularizer=from_keras.kernel_regularizer(layer),
                output=output,
                absorbed=absorbed,
                name=self._fresh(call.name),
            )
            self._folded[id(layer)] = twin, layer, None if norm is None else norm.layer
        twin, _, first_norm = self._folded[id(layer)]
        if first_norm is not (norm and norm.layer) or twin.output_spec != output:
            raise UnsupportedLayerError(
                f"layer {layer.name!r}: is called several times with different layers behind it, "
                "so one folded kernel and range cannot serve all; give each call a layer of its own"
            )
        return twin

    def _plain(self, call: Call) -> None:
        """Rebuilds a layer without folding; each call of a shared one has a range of its own."""
        absorbed: list[str] = []
        last, activation = call, activation_names.of_layer(call.layer)
        if from_keras.fuses_relu(call.layer):
            last, activation = self._absorb_relu(call, absorbed)
        output = self._output(call, last, activation)
        if from_keras.keeps_bits(call.layer):
            output = dataclasses.replace(output, num_bits=self._value(call).num_bits)
        twin = from_keras.quantized(
            call.layer,
            output=output,
            absorbed=absorbed,
            name=self._fresh(call.name),
        )
        if isinstance(twin, layers.QuantizedPReLU):
            self._slopes.append((twin, call.layer))
        self._apply(twin, call, last)

    def _apply(self, twin, first, last) -> None:
        """Calls a quantized layer on the inputs of `first` and files the result as `last`'s."""
        values = [self._values[tensor] for tensor in first.inputs]
        if len(values) == 1:
            result = twin(values[0].tensor, **_grid_argument(values[0]))
            self._store(last, result, num_bits=twin.output_spec.num_bits)
            return
        grids = [value.grid for value in values]
        arguments = {}
        if twin.takes_input_grids and all(grid is not None for grid in grids):
            arguments["input_grids"] = grids
        result = twin([value.tensor for value in values], **arguments)
        self._store(last, result, num_bits=twin.output_spec.num_bits)

    def _spec_of(self, call: Call) -> LayerSpec:
        spec = self._name_spec(call.origin)
        if spec is None:
            raise UnsupportedLayerError(
                f"layer {call.origin!r}: is computed together with the layer in front of it, so it "
                "cannot stay in float alone; leave that one in float too"
            )
        if spec.scheme.storage != self._storage:
            raise SchemeError(
                f"layer {call.origin!r}: needed a scheme that stores activations in "
                f"{self._storage}, as the model does, got {spec.scheme.name!r}"
            )
        return spec

    def _fresh(self, name: str) -> str:
        """Returns the name, numbered where a layer of the rebuilt model has it."""
        unique = keras_graph.unique_name(name, self._names)
        self._names.add(unique)
        return unique

    def _named(self, call: Call) -> tf_keras.layers.Layer:
        """Returns the layer itself, or where another one has its name a copy of another name."""
        layer = call.layer
        if layer.name == call.name:
            self._names.add(call.name)
            return layer
        if layer.weights:
            raise UnsupportedLayerError(
                f"layer {layer.name!r}: another layer, of a nested model, has this name, and this "
                "one is not annotated; give each a name of its own"
            )
        return type(layer).from_config({**layer.get_config(), "name": call.name})

    def _store(self, call, result, grid=None, num_bits=8) -> None:
        """Files what a rebuilt call returned: (tensor, grid), or plain tensors."""
        if isinstance(result, tuple):
            self._values[call.outputs[0]] = _Value(*result, num_bits)
            return
        for tensor, value in zip(call.outputs, tf.nest.flatten(result), strict=True):
            self._values[tensor] = _Value(value, grid, num_bits)

    def _value(self, call) -> _Value:
        return self._values[call.inputs[0]]

    def _tensors(self) -> dict:
        return {tensor: value.tensor for tensor, value in self._values.items()}

    def _output(self, call: Call, last: Call, activation: str | None) -> layers.ActivationSpec:
        """The output of the layer of `call`, which ends with the call `last`."""
        spec = self._spec_of(call)
        readers = self._flow.readers(last.outputs[0])
        only_concatenated = bool(readers) and all(
            isinstance(reader.layer, _keras.Concatenate) for reader in readers
        )
        return layers.ActivationSpec(
            activation=activation
            if activation and activation_names.is_relu(activation)
            else "linear",
            quantize=self._flow.is_output(last.outputs[0]) or not only_concatenated,
            num_bits=spec.scheme.activation_bits,
            ema_decay=spec.ema_decay,
            learner=spec.range_learner,
            storage=self._storage,
        )

    def _absorb(self, call: Call, wanted) -> Call | None:
        """Takes the call that alone reads this one's output out of the walk, if it is `wanted`."""
        reader = self._flow.only_reader(call.outputs[0])
        if reader is None or not reader.is_ours or not wanted(reader.layer):
            return None
        self._absorbed.add(id(reader))
        return reader

    def _absorb_relu(self, last: Call, absorbed: list[str]) -> tuple[Call, str]:
        """Returns (last call, activation) with a ReLU behind `last` absorbed."""
        following = self._absorb(
            last,
            lambda it: (
                isinstance(it, _keras.ReLU | _keras.Activation)
                and activation_names.is_relu(activation_names.of_layer(it))
            ),
        )
        if following is None:
            return last, "linear"
        absorbed.append(following.name)
        return following, activation_names.of_layer(following.layer) or "linear"


def _grid_argument(value: _Value) -> dict:
    return {} if value.grid is None else {"input_grid": value.grid}


def _single(tensors: list):
    return tensors[0] if len(tensors) == 1 else tensors
