"""Taggers: teachers, students, their training and the `Tagger` artefact.

Keras runs on torch unless the environment variable KERAS_BACKEND or an earlier `import keras` says otherwise,
so that teachers and students share one tensor library.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
