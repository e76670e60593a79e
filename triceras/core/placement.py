"""How Variables and batches are placed over devices: as the distribution in force says, where there is one."""

from typing import Any

_in_force: Any = None  # triceras.distribution.Distribution


def in_force(backend: Any = None) -> Any:
    """The distribution in force, or None; with a backend: only if it is that one's."""
    return _in_force if backend is None or _in_force is None or _in_force.backend is backend else None


def is_first() -> bool:
    """Whether this is the first of the processes that work together: the one that writes files and shows progress."""
    return _in_force is None or _in_force.backend.engine().process_index() == 0


def put_in_force(distribution: Any) -> None:
    """Place what is made from now on as a distribution says; None: on the default device."""
    global _in_force
    _in_force = distribution


def place(variable: Any) -> None:
    """Lay a Variable's new value out over devices, by its own layout or by the distribution in force."""
    if (distribution := in_force(variable.backend)) is not None:
        variable.layout = distribution.get_variable_layout(variable)
        variable.native = variable.backend.engine().place(variable.native, variable.layout, variable.path)
    elif variable.layout is not None and variable.layout.device_mesh.backend is not variable.backend:
        variable.layout = None  # it has come from a backend whose devices it doesn't know
