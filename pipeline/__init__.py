"""From a Keras model to a proven integer-only TFLite flatbuffer."""
