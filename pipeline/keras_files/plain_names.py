"""What a Keras file may name without carrying code: literal tables.

Left out of Keras's own layers are those that hold code (Lambda, TFSMLayer, TorchModuleWrapper,
JaxLayer, FlaxLayer) and those that read other files (StringLookup, IntegerLookup,
TextVectorization, DenseFeatures).
"""

LAYERS = frozenset(
    (
        *("Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout"),
        *("Attention", "Average", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
        *("BatchNormalization", "Bidirectional", "CategoryEncoding", "CenterCrop", "Concatenate"),
        *("Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose"),
        *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Cropping1D", "Cropping2D", "Cropping3D"),
        *("Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot", "Dropout"),
        *("ELU", "EinsumDense", "Embedding", "Flatten", "GRU", "GRUCell", "GaussianDropout"),
        *("GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("GlobalMaxPooling3D", "GroupNormalization", "Identity", "InputLayer", "LSTM"),
        *("LSTMCell", "LayerNormalization", "LeakyReLU", "LocallyConnected1D"),
        *("LocallyConnected2D", "Masking", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D"),
        *("Maximum", "Minimum", "MultiHeadAttention", "Multiply", "Normalization", "PReLU"),
        *("Permute", "RNN", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip"),
        *("RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom"),
        *("ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv1D"),
        *("SeparableConv2D", "SimpleRNN", "SimpleRNNCell", "Softmax", "SpatialDropout1D"),
        *("SpatialDropout2D", "SpatialDropout3D", "StackedRNNCells", "Subtract"),
        *("ThresholdedReLU", "TimeDistributed", "UnitNormalization", "UpSampling1D"),
        *("UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
    )
)

MODELS = frozenset(("Functional", "Model", "Sequential"))

# Initializers (Keras 3's and the longer names of TF 1), regularizers, constraints, policies.
PARTS = frozenset(
    (
        *("Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity"),
        *("IdentityInitializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal"),
        *("OrthogonalInitializer", "RandomNormal", "RandomUniform", "TruncatedNormal"),
        *("VarianceScaling", "Zeros", "L1", "L1L2", "L2", "OrthogonalRegularizer", "MaxNorm"),
        *("MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm", "DTypePolicy", "Policy"),
    )
)

# What stands for values, not objects.
VALUES = frozenset(
    (
        *("__keras_tensor__", "__tensor__", "__numpy__", "__tuple__", "__ellipsis__"),
        *("__slice__", "TensorShape"),
    )
)

# Functions of tf_keras models built by operators and calls of tf.* on symbolic tensors. All others
# are refused, since TensorFlow's symbols include ones that read and write files.
TF_FUNCTIONS = frozenset(
    (
        *("__operators__.add", "__operators__.getitem", "clip_by_value", "concat"),
        *("image.resize", "math.add", "math.divide", "math.maximum", "math.minimum"),
        *("math.multiply", "math.negative", "math.reduce_max", "math.reduce_mean"),
        *("math.reduce_sum", "math.sigmoid", "math.subtract", "math.tanh", "math.truediv"),
        *("nn.leaky_relu", "nn.relu", "nn.relu6", "nn.sigmoid", "nn.silu", "nn.softmax"),
        *("reshape", "split", "stack", "transpose", "unstack"),
    )
)
TF_FUNCTION_LAYERS = frozenset(("TFOpLambda", "SlicingOpLambda"))

# The same for Keras 3, where they are objects of their own.
KERAS_3_OPERATIONS = frozenset(("Add", "Subtract", "Multiply", "Divide", "TrueDivide"))

# Named by functions in a config: {"class_name": "function", "module": "builtins", ...}.
FUNCTIONS = frozenset(
    (
        *("elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "leaky_relu"),
        *("linear", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus"),
        *("softsign", "swish", "tanh"),
    )
)
