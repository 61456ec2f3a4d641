"""Taggers: teachers, students, their training and the `Tagger` artefact.

Keras runs on TensorFlow, whose graph trains a quantized recurrent student much faster than torch does, unless the
environment variable KERAS_BACKEND or an earlier `import keras` says otherwise.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
