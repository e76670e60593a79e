"""`jit` on torch: a function runs eagerly at first, then on its captured graph, then on what Inductor made of that.

Nobody waits for a compiler: a graph is captured when the eager calls have taken as long as capturing takes, and
compiled by another process when they have gone on for some seconds. Each takes over only if one real call showed the
same results, and the compiled graph only if it is faster. Whatever speaks against it leaves the function where it is.
"""

from triceras.backends.torch.compiler.diagnosis import diagnosis
from triceras.backends.torch.compiler.program import jit

__all__ = ["diagnosis", "jit"]
