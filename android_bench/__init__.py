"""Latency of .tflite models where they will run: so far, on this machine.

Knows nothing of the pipeline but its leaf modules (errors, files, report); no TensorFlow.
"""
