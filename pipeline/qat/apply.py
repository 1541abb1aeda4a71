"""From an annotated Keras model to a quantization-aware one, by rebuilding the functional graph.

The user marks layers with tfmot's quantize_annotate_layer or quantize_annotate_model. Each marked
Conv2D, DepthwiseConv2D and Dense becomes one layer together with the BatchNormalization and ReLU
behind it; ranges are placed where the integer graph will have them:

  Add -> ReLU              one range, after the ReLU
  Concatenate              one range, on its output; none on an input that nothing else reads
  MaxPooling2D, ZeroPadding2D, Reshape, Flatten, Dropout    none: they keep their input's
  AveragePooling2D         none: the kernel keeps its input's
  Dense(activation="softmax")    a range on the logits, then the fixed range of SOFTMAX
"""

import dataclasses
from collections.abc import Callable

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import annotation, from_keras, keras_graph, layers, precision
from pipeline.qat.layer_spec import LayerSpec
from pipeline.quant_params import QuantParams, QuantScheme

_keras = tf_keras.layers
_RELUS = ("relu", "relu6")


def apply(
    annotated_model: tf_keras.Model,
    scheme: QuantScheme | Callable[[str], LayerSpec | None],
    input_params: QuantParams,
    ema_decay: float = 0.99,
) -> tf_keras.Model:
    """Rebuilds an annotated model with fake quantization; weights are copied.

    Args:
      annotated_model: From tfmot's quantize_annotate_model, or built with quantize_annotate_layer.
      scheme: Bits and granularity of weights and activations; or a function from a layer's name to
        its LayerSpec, or to None for a layer that stays in float. A layer absorbs the
        BatchNormalization and ReLU behind it and decides for them; pooling and a ReLU by itself
        keep the bits of their input.
      input_params: int8 parameters of every model input.
      ema_decay: Smoothing of the activation ranges, per training step; unused with a function.

    Raises:
      UnsupportedLayerError: An annotated layer has no integer counterpart, or one does not compute
        in float32; names it.
    """
    precision.check_float32(annotated_model)
    if isinstance(scheme, QuantScheme):
        spec = LayerSpec(scheme, ema_decay=ema_decay)
        return _Rebuild(annotated_model, lambda _: spec, input_params).run()
    return _Rebuild(annotated_model, scheme, input_params).run()


@dataclasses.dataclass(frozen=True)
class _Value:
    """A rebuilt tensor, and the grid it lies on, if any, with the bits of its codes."""

    tensor: object
    grid: object = None
    num_bits: int = 8


class _Rebuild:
    """One walk over the calls of a model."""

    def __init__(self, model, spec_of, input_params):
        self._model = model
        self._spec_of = spec_of
        self._input_params = input_params
        self._calls = keras_graph.calls(model)
        self._readers: dict = {}
        for call in self._calls:
            for tensor in call.inputs:
                self._readers.setdefault(tensor, []).append(call)
        self._outputs = keras_graph.tensor_ids(model.outputs)
        self._inputs: dict = {}
        self._values: dict = {}
        self._absorbed: set[int] = set()
        self._folded: dict = {}

    def run(self) -> tf_keras.Model:
        for call in self._calls:
            if id(call) not in self._absorbed:
                self._rebuild(call)
        inputs = [self._inputs[tensor] for tensor in keras_graph.tensor_ids(self._model.inputs)]
        outputs = [self._values[tensor].tensor for tensor in self._outputs]
        model = tf_keras.Model(_single(inputs), _single(outputs), name=self._model.name)
        for twin, layer, norm in self._folded.values():
            from_keras.copy_folded_weights(twin, layer, norm)
        return model

    def _rebuild(self, call) -> None:
        layer, config = annotation.unwrap(call.layer)
        if isinstance(layer, _keras.InputLayer):
            self._input(call, layer)
        elif config is not None:
            wrapper = annotation.wrap(layer, config)
            self._store(call, call.replay(wrapper, self._tensors()))
        elif layer is call.layer:
            self._store(call, call.replay(layer, self._tensors()))
        elif isinstance(layer, from_keras.GRID_KEEPING):
            value = self._value(call)
            self._store(call, call.replay(layer, self._tensors()), value.grid, value.num_bits)
        elif (spec := self._spec_of(layer.name)) is None:
            self._leave(call, layer)
        elif type(layer) in from_keras.FOLDABLE:
            self._foldable(call, layer, spec)
        elif isinstance(layer, _keras.Add) and len(call.inputs) == 2:
            self._add(call, layer, spec)
        elif from_keras.activation_of(layer) == "linear":
            self._values[call.outputs[0]] = self._value(call)
        else:
            activation = from_keras.activation_of(layer)
            output = self._output(call, activation if activation in _RELUS else "linear", spec)
            if from_keras.keeps_grid(layer):
                output = dataclasses.replace(output, num_bits=self._value(call).num_bits)
            twin = from_keras.quantized(layer, output=output, name=layer.name)
            self._apply(twin, call, call)

    def _input(self, call, layer) -> None:
        tensor = tf_keras.Input(layer.input_shape[0][1:], name=layer.name)
        self._inputs[call.outputs[0]] = tensor
        scale, zero_point = self._input_params.per_tensor
        quantized = layers.QuantizedInput(
            scale,
            zero_point,
            output=layers.ActivationSpec(quantize=False),
            name=f"{layer.name}_quantized",
        )
        self._store(call, quantized(tensor))

    def _foldable(self, call, layer, spec) -> None:
        from_keras.check_foldable(layer)
        activation, last, norm, absorbed = from_keras.activation_of(layer), call, None, list[str]()
        if activation == "linear":
            following = self._absorb(last, lambda it: isinstance(it, _keras.BatchNormalization))
            if following is not None:
                last, norm = following, annotation.unwrap(following.layer)[0]
                absorbed.append(norm.name)
            last, activation = self._absorb_relu(last, absorbed)
        output = self._output(last, activation if activation in _RELUS else "linear", spec)
        weights = from_keras.weight_spec(layer, spec)
        self._apply(self._folded_twin(layer, norm, weights, output, absorbed), call, last)
        if activation == "softmax":
            logits = self._values[last.outputs[0]]
            softmax = layers.QuantizedSoftmax(
                output=from_keras.fixed(output), name=f"{layer.name}_softmax"
            )
            self._store(last, softmax(logits.tensor, **_grid_argument(logits)))

    def _leave(self, call, layer) -> None:
        """Leaves a layer in float, and with it what it would have absorbed."""
        left = [call]
        if from_keras.activation_of(layer) == "linear" or isinstance(layer, _keras.Add):
            norm = self._absorb(call, lambda it: isinstance(it, _keras.BatchNormalization))
            left += [] if norm is None else [norm]
            last, _ = self._absorb_relu(left[-1], [])
            left += [] if last is left[-1] else [last]
        for each in left:
            layer, _ = annotation.unwrap(each.layer)
            self._store(each, each.replay(layer, self._tensors()))

    def _folded_twin(self, layer, norm, weights, output, absorbed):
        """Makes a folded layer, or finds the one made for an earlier call of a shared layer."""
        if id(layer) not in self._folded:
            twin = from_keras.FOLDABLE[type(layer)](
                layer,
                weights=weights,
                batch_norm=None if norm is None else from_keras.batch_norm_spec(norm),
                use_bias=layer.use_bias,
                kernel_regularizer=from_keras.kernel_regularizer(layer),
                output=output,
                absorbed=absorbed,
                name=layer.name,
                trainable=layer.trainable,
            )
            self._folded[id(layer)] = twin, layer, norm
        twin, _, first_norm = self._folded[id(layer)]
        if first_norm is not norm or twin.output_spec != output:
            raise UnsupportedLayerError(
                f"layer {layer.name!r}: is called several times with different layers behind it, "
                "so one folded kernel and range cannot serve all; give each call a layer of its own"
            )
        return twin

    def _add(self, call, layer, spec) -> None:
        absorbed: list[str] = []
        last, activation = self._absorb_relu(call, absorbed)
        output = self._output(last, activation, spec)
        self._apply(
            layers.QuantizedAdd(output=output, absorbed=absorbed, name=layer.name), call, last
        )

    def _apply(self, twin, first, last) -> None:
        """Calls a quantized layer on the inputs of `first` and files the result as `last`'s."""
        values = [self._values[tensor] for tensor in first.inputs]
        if len(values) > 1:
            result = twin([value.tensor for value in values])
        else:
            result = twin(values[0].tensor, **_grid_argument(values[0]))
        self._store(last, result, num_bits=twin.output_spec.num_bits)

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

    def _output(self, last, activation: str | None, spec: LayerSpec) -> layers.ActivationSpec:
        """The output of a fused layer that ends with the call `last`."""
        readers = self._readers.get(last.outputs[0], [])
        only_concatenated = bool(readers) and all(
            isinstance(annotation.unwrap(reader.layer)[0], _keras.Concatenate) for reader in readers
        )
        return layers.ActivationSpec(
            activation=activation or "linear",
            quantize=last.outputs[0] in self._outputs or not only_concatenated,
            num_bits=spec.scheme.activation_bits,
            ema_decay=spec.ema_decay,
            learner=spec.range_learner,
        )

    def _absorb(self, call, wanted):
        """Takes the call that alone reads this one's output out of the walk, if it is `wanted`."""
        readers = self._readers.get(call.outputs[0], [])
        if len(readers) != 1 or call.outputs[0] in self._outputs:
            return None
        layer, config = annotation.unwrap(readers[0].layer)
        if config is not None or not wanted(layer):
            return None
        self._absorbed.add(id(readers[0]))
        return readers[0]

    def _absorb_relu(self, last, absorbed: list[str]):
        """Returns (last call, activation) with a ReLU or ReLU6 behind `last` absorbed."""
        following = self._absorb(
            last,
            lambda it: (
                isinstance(it, _keras.ReLU | _keras.Activation)
                and from_keras.activation_of(it) in _RELUS
            ),
        )
        if following is None:
            return last, "linear"
        layer = annotation.unwrap(following.layer)[0]
        absorbed.append(layer.name)
        return following, from_keras.activation_of(layer)


def _grid_argument(value: _Value) -> dict:
    return {} if value.grid is None else {"input_grid": value.grid}


def _single(tensors: list):
    return tensors[0] if len(tensors) == 1 else tensors
