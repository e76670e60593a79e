"""What `import triceras` gives, for editors: at run time these names are imported when they are first asked for."""

from triceras import (
    activations as activations,
    backend as backend,
    callbacks as callbacks,
    config as config,
    constraints as constraints,
    dtype_policies as dtype_policies,
    initializers as initializers,
    layers as layers,
    losses as losses,
    metrics as metrics,
    models as models,
    ops as ops,
    optimizers as optimizers,
    random as random,
    regularizers as regularizers,
    saving as saving,
    testing as testing,
    transforms as transforms,
    tree as tree,
    utils as utils,
)
from triceras.compat import install_as_keras as install_as_keras
from triceras.core.graph import (
    KerasTensor as KerasTensor,
    Operation as Operation,
)
from triceras.core.naming import name_scope as name_scope
from triceras.core.scope import use_backend as use_backend
from triceras.core.state import StatelessScope as StatelessScope
from triceras.core.variable import Variable as Variable
from triceras.dtype_policies import (
    DTypePolicy as DTypePolicy,
    FloatDTypePolicy as FloatDTypePolicy,
)
from triceras.initializers import Initializer as Initializer
from triceras.layers import (
    Input as Input,
    InputSpec as InputSpec,
    Layer as Layer,
)
from triceras.losses import Loss as Loss
from triceras.metrics import Metric as Metric
from triceras.models import (
    Functional as Functional,
    Model as Model,
    Sequential as Sequential,
)
from triceras.models.function import Function as Function
from triceras.optimizers import Optimizer as Optimizer
from triceras.regularizers import Regularizer as Regularizer
from triceras.transforms import (
    checkpoint as checkpoint,
    cond as cond,
    convert as convert,
    custom_gradient as custom_gradient,
    device as device,
    fori_loop as fori_loop,
    grad as grad,
    jit as jit,
    scan as scan,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
    vmap as vmap,
    while_loop as while_loop,
)
from triceras.version import (
    __version__ as __version__,
    version as version,
)
