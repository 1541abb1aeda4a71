"""Models of users: tf_keras .h5, .keras and SavedModel, Keras 3 .keras and .h5, as tf_keras models.

  loaded = user_model.load("mine.keras")
  loaded.model  # tf_keras, equal to the file's model on random input

user_model.py is the door: it starts reader.py in a process of its own, where contents.py opens the
file with limits, safety.py refuses it if it carries code, and the Keras that wrote it loads and
runs it. What comes back is plain data, from which rebuild.py (Keras 3) or tf_keras itself makes the
model again; proof.py compares the two.
"""
