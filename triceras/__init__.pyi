"""What `import triceras` gives, for editors: at run time these names are imported when they are first asked for."""

from triceras import (
    activations as activations,
)
from triceras import (
    backend as backend,
)
from triceras import (
    callbacks as callbacks,
)
from triceras import (
    config as config,
)
from triceras import (
    constraints as constraints,
)
from triceras import (
    distribution as distribution,
)
from triceras import (
    dtype_policies as dtype_policies,
)
from triceras import (
    initializers as initializers,
)
from triceras import (
    layers as layers,
)
from triceras import (
    losses as losses,
)
from triceras import (
    metrics as metrics,
)
from triceras import (
    mixed_precision as mixed_precision,
)
from triceras import (
    models as models,
)
from triceras import (
    ops as ops,
)
from triceras import (
    optimizers as optimizers,
)
from triceras import (
    quantizers as quantizers,
)
from triceras import (
    random as random,
)
from triceras import (
    regularizers as regularizers,
)
from triceras import (
    saving as saving,
)
from triceras import (
    testing as testing,
)
from triceras import (
    transforms as transforms,
)
from triceras import (
    tree as tree,
)
from triceras import (
    utils as utils,
)
from triceras.compat import install_as_keras as install_as_keras
from triceras.core.graph import (
    KerasTensor as KerasTensor,
)
from triceras.core.graph import (
    Operation as Operation,
)
from triceras.core.naming import name_scope as name_scope
from triceras.core.scope import use_backend as use_backend
from triceras.core.state import StatelessScope as StatelessScope
from triceras.core.variable import Variable as Variable
from triceras.dtype_policies import (
    DTypePolicy as DTypePolicy,
)
from triceras.dtype_policies import (
    FloatDTypePolicy as FloatDTypePolicy,
)
from triceras.initializers import Initializer as Initializer
from triceras.layers import (
    Input as Input,
)
from triceras.layers import (
    InputSpec as InputSpec,
)
from triceras.layers import (
    Layer as Layer,
)
from triceras.losses import Loss as Loss
from triceras.metrics import Metric as Metric
from triceras.models import (
    Functional as Functional,
)
from triceras.models import (
    Model as Model,
)
from triceras.models import (
    Sequential as Sequential,
)
from triceras.models.function import Function as Function
from triceras.optimizers import Optimizer as Optimizer
from triceras.quantizers import Quantizer as Quantizer
from triceras.regularizers import Regularizer as Regularizer
from triceras.transforms import (
    checkpoint as checkpoint,
)
from triceras.transforms import (
    cond as cond,
)
from triceras.transforms import (
    convert as convert,
)
from triceras.transforms import (
    custom_gradient as custom_gradient,
)
from triceras.transforms import (
    device as device,
)
from triceras.transforms import (
    fori_loop as fori_loop,
)
from triceras.transforms import (
    grad as grad,
)
from triceras.transforms import (
    jit as jit,
)
from triceras.transforms import (
    scan as scan,
)
from triceras.transforms import (
    stop_gradient as stop_gradient,
)
from triceras.transforms import (
    value_and_grad as value_and_grad,
)
from triceras.transforms import (
    vmap as vmap,
)
from triceras.transforms import (
    while_loop as while_loop,
)
from triceras.utils.backend_comparison import compare_backends as compare_backends
from triceras.version import (
    __version__ as __version__,
)
from triceras.version import (
    version as version,
)
