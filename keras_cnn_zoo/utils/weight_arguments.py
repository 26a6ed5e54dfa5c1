"""The arguments with which Keras' layers describe a kernel and a bias."""

# In Keras' order. All are objects with a config of their own, or None.
WEIGHT_ARGUMENTS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
