"""`jit`: the stages that a function goes through, for each structure of its arguments."""

from __future__ import annotations

import functools
import os
import statistics
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from triceras.backends.torch.compiler import background
from triceras.backends.torch.compiler.arguments import Unsuitable, slots, split
from triceras.backends.torch.compiler.capture import Captured, NotCapturable, capture, unpack
from triceras.backends.torch.compiler.rehearsal import Rehearsal
from triceras.core import tree
from triceras.core.scope import local
from triceras.core.state import StatelessScope
from triceras.distribution import replicas

GRAPHS = 8  # of one function, for batch sizes that none before takes
TURNS = 10  # calls of the captured and of the compiled graph, in turn, before the faster one is kept


class Pace(NamedTuple):
    """When to go on to the next stage.

    Args:
        capture_after: seconds that eager calls must have taken altogether.
        compile_after: seconds that all calls must have taken before a compiler starts; None: never.
        calls: how many calls must have been eager.
        wait: whether to wait for the compiler, and to take what it made without comparing times.
    """

    capture_after: float
    compile_after: float | None
    calls: int = 0
    wait: bool = False


AUTO = Pace(1.0, 5.0, calls=5)
AT_ONCE = Pace(0.0, 0.0)
IN_STEP = Pace(0.0, None, calls=2)  # replicas go on to the next stage at the same call: graphs hold collectives
PACES = {"eager": Pace(0.0, None), "wait": Pace(0.0, 0.0, wait=True)}


def mode() -> str:
    """What the environment says in `TRICERAS_TORCH_COMPILE`: "auto" if nothing.

    `0` never compiles, `eager` captures at the second call and goes no further, `wait` waits for the compiler at the
    third.
    """
    return os.environ.get("TRICERAS_TORCH_COMPILE", "auto")


def pace(jit_compile: Any) -> Pace | None:
    """How to compile; None: not at all. The `mode` overrules `True` and "auto"."""
    wish = mode()
    if wish == "0" or jit_compile is False:
        return None
    return PACES.get(wish) or (AT_ONCE if jit_compile is True else AUTO)


def jit(backend: Any, eager: Callable, fn: Callable, jit_compile: Any) -> Callable:
    """A function that runs eagerly at first and compiled later.

    Args:
        backend: the torch backend.
        eager: calls `fn` as it is.
        fn: what to compile.
        jit_compile: True: as soon as possible; False: never; else when it pays.
    """
    chosen = pace(jit_compile)
    if chosen is None:
        return eager
    if replicas.engine_of(backend) is not None:
        chosen = IN_STEP
    programs: dict[tuple, Program] = {}

    @functools.wraps(fn, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        if local.state is not None or torch._C._is_any_autocast_enabled() or torch.is_inference_mode_enabled():
            return eager(*args, **kwargs)
        key, leaves = [None, torch.is_grad_enabled(), local.autocast], []
        try:
            for x in args:
                split(x, backend.convert, key, leaves)
            if kwargs:
                split(kwargs, backend.convert, key, leaves)
        except Unsuitable:
            return eager(*args, **kwargs)
        size, key[0] = key[0], None
        program = programs.get(key := tuple(key))
        if program is None:
            program = programs[key] = Program(backend, eager, fn, chosen)
        return program(Call(args, kwargs, leaves, size))

    run.programs = programs
    return run


class Call(NamedTuple):
    """One call: the arguments, the tensors among them, contiguous, and their batch size if they have one."""

    args: tuple
    kwargs: dict[str, Any]
    leaves: list[torch.Tensor]
    size: int | None


class _Recorder(StatelessScope):
    """Lets everything through to the Variables and notes which ones are used."""

    def add_update(self, update: tuple[Any, Any]) -> None:
        variable, value = update
        self.assigned[id(variable)] = variable
        variable.native = variable.backend.assign(variable.native, value)


class Program:
    """A function for one structure of arguments, in one of its stages.

    A graph that can't have some batch size leaves it to the `rest`, another program.
    """

    def __init__(self, backend: Any, eager: Callable, fn: Callable, pace: Pace, graphs: int = GRAPHS):
        self.backend, self.eager, self.fn, self.pace, self.graphs = backend, eager, fn, pace, graphs
        self.stage: Callable[[Program, Call], Any] = Program.warm_up if graphs else Program.uncompiled
        self.any_size = True  # whether to try a graph for every batch size
        self.sizes: dict[int | None, bool] = {}  # those that the graph has had, and whether it takes them
        self.rest: Program | None = None
        self.seconds, self.calls, self.times = 0.0, 0, ([], [])
        self.variables: list[Any] = []
        self.natives: list[torch.Tensor] = []
        self.parameters: list[tuple[torch.Tensor, torch.dtype, torch.device]] = []
        self.captured: Captured | None = None
        self.build: background.Build | None = None
        self.tried: int | None = None  # the batch size that the compiled graph is compared with
        self.run: Callable | None = None
        self.reason = "it hasn't run long enough"  # why it isn't compiled

    def __call__(self, call: Call) -> Any:
        if self.captured is None or self.sizes.get(call.size):
            return self.stage(self, call)
        return self.other_size(call)

    def other_size(self, call: Call) -> Any:
        """Run eagerly and see whether the graph takes this batch size too; what it doesn't take is for the rest."""
        batch = self.captured.batch
        if call.size not in self.sizes and batch is not None and batch.takes(call.size):
            if not self.still_fits():
                return self.start_anew(call)
            result, problem = self.compared(call, self.uncompiled, self.run, self.captured)
            self.sizes[call.size] = problem is None
            return result
        if self.rest is None:
            self.rest = Program(self.backend, self.eager, self.fn, self.pace, self.graphs - 1)
        return self.rest(call)

    # --- stages ------------------------------------------------------------------------------------------------------

    def warm_up(self, call: Call) -> Any:
        """Run eagerly until it has taken as long as capturing takes; then note which Variables it uses."""
        if self.seconds < self.pace.capture_after or self.calls < self.pace.calls:
            begun = time.perf_counter()
            result = self.uncompiled(call)
            self.seconds += time.perf_counter() - begun
            self.calls += 1
            return result
        with _Recorder() as recorder:
            result = self.uncompiled(call)
        used = {**recorder.read, **recorder.assigned}
        self.variables = list(used.values())
        self.stage = Program.take_over
        if any(v.backend is not self.backend for v in self.variables):
            self.stay_eager("it uses Variables of another backend")
        if any(isinstance(x, torch.Tensor) and x.requires_grad for x in tree.flatten(result)):
            self.stay_eager("its result is to be differentiated")
        return result

    def uncompiled(self, call: Call) -> Any:
        """Run eagerly; as a stage: for ever."""
        return self.eager(*call.args, **call.kwargs)

    def take_over(self, call: Call) -> Any:
        """Capture the graph; run eagerly once more and see whether the graph does the same."""
        template = slots([call.args, call.kwargs], [0])

        def with_tensors(leaves: list[torch.Tensor]) -> Any:
            args, kwargs = unpack(template, leaves)
            return self.fn(*args, **kwargs)

        try:
            size = call.size if self.any_size else None
            captured = capture(self.backend, with_tensors, self.variables, call.leaves, size)
        except (NotCapturable, torch.OutOfMemoryError) as error:
            result, problem = self.uncompiled(call), str(error)
        else:
            result, problem = self.compared(call, self.uncompiled, captured.module.forward, captured)
        if not problem:
            self.take(captured, call)
        elif self.any_size and call.size is not None:
            self.any_size = False  # the next call's graph is for its batch size only
        else:
            self.refuse(problem)
        return result

    def take(self, captured: Captured, call: Call) -> None:
        """Go over to a graph."""
        self.captured, self.variables, self.sizes = captured, captured.variables, {call.size: True}
        self.natives = [v.native for v in self.variables]
        self.parameters = [(x, x.dtype, x.device) for x in self.natives if isinstance(x, torch.nn.Parameter)]
        self.run, self.stage, self.reason = captured.module.forward, Program.on_graph, "not yet compiled"
        known = [*self.natives, *captured.constants]
        if self.pace.compile_after is not None and background.is_known(captured, known):
            self.begin_build()  # the work was done in an earlier run

    def on_graph(self, call: Call) -> Any:
        """Run the captured graph; start the compiler when that pays, and take what it made."""
        after = self.pace.compile_after
        if self.build is None and after is not None and self.seconds >= after:
            self.begin_build()
        batch = self.captured.batch
        usual = batch is None or call.size >= batch.size  # what is fast for the last, smaller batch doesn't matter
        if usual and self.build is not None and self.build.is_done(self.pace.wait):
            if self.build.run is None:
                self.settle(self.run, self.build.problem)
            else:
                return self.first_compiled(call)
        begun = time.perf_counter()
        result = self.call_graph(self.run, call)
        self.seconds += time.perf_counter() - begun
        return result

    def begin_build(self) -> None:
        """Start the compiler."""
        try:
            self.build = background.start(self.captured, [*self.natives, *self.captured.constants])
        except Exception as error:  # no more threads, for one
            self.settle(self.run, f"{type(error).__name__}: {error}")
        else:
            weakref.finalize(self, self.build.stop)

    def first_compiled(self, call: Call) -> Any:
        """Run the captured graph once more and see whether the compiled one does the same."""
        if not self.still_fits():
            return self.start_anew(call)
        result, problem = self.compared(call, self.final, self.build.run, self.captured)
        if problem:
            self.settle(self.run, f"compiled, {problem}")
            return result
        self.tried = call.size
        if self.pace.wait or any(x.device.type != "cpu" for x in (*self.natives, *call.leaves)):
            self.settle(self.build.run, "")  # on an accelerator calls return before they are done: no times to compare
        else:
            self.stage = Program.trial
        return result

    def trial(self, call: Call) -> Any:
        """Run the captured and the compiled graph in turn, and keep the faster one."""
        if not self.still_fits():
            return self.start_anew(call)
        if call.size != self.tried:
            return self.call_graph(self.run, call)
        turn = len(self.times[1]) < len(self.times[0])
        begun = time.perf_counter()
        result = self.call_graph(self.build.run if turn else self.run, call)
        self.times[turn].append(time.perf_counter() - begun)
        if len(self.times[1]) == TURNS:
            captured, compiled = map(statistics.median, self.times)
            faster = compiled < captured
            self.settle(self.build.run if faster else self.run, "" if faster else "compiled, it isn't faster")
        return result

    def final(self, call: Call) -> Any:
        """Run what was chosen."""
        return self.call_graph(self.run, call)

    @property
    def settled(self) -> bool:
        """Whether nothing faster is to come."""
        last = Program.on_graph if self.pace.compile_after is None else Program.final
        return self.stage in (last, Program.final, Program.uncompiled)

    # --- moves -------------------------------------------------------------------------------------------------------

    def settle(self, run: Callable, reason: str | None) -> None:
        """Keep one of the graphs for good."""
        if run is not self.run:
            self.sizes = {self.tried: True}  # whether the compiled one takes the others too will show
        self.run, self.reason, self.stage = run, reason or "", Program.final

    def stay_eager(self, reason: str) -> None:
        """Run eagerly from now on."""
        self.reason, self.stage = reason, Program.uncompiled
        self.captured, self.natives, self.parameters = None, [], []

    def refuse(self, reason: str) -> None:
        """Run eagerly from now on, and say why."""
        self.stay_eager(reason)
        name = getattr(self.fn, "__qualname__", type(self.fn).__name__)
        warnings.warn(
            f"{name} runs eagerly on torch, not compiled: {reason}. With `jit_compile=False` it isn't tried.",
            stacklevel=5,
        )

    def compared(self, call: Call, normally: Callable, run: Callable, captured: Captured) -> tuple[Any, str | None]:
        """The result of a call, and what a graph makes otherwise; None where it is the same."""
        rehearsal = Rehearsal(captured, run, call.leaves)
        result = normally(call)
        outputs = [x.value if hasattr(x, "assign") else x for x in tree.flatten(result)]
        return result, rehearsal.difference([x for x in outputs if isinstance(x, torch.Tensor)])

    def call_graph(self, run: Callable, call: Call) -> Any:
        """Run a graph on the Variables as they are."""
        if not self.still_fits():
            return self.start_anew(call)
        with torch.no_grad():
            try:
                outputs = run(*self.natives, *self.captured.constants, *call.leaves)
            except Exception:
                if run != self.captured.module.forward:
                    raise
                outputs = None
        if outputs is None:
            return self.uncompiled(call)  # it says what is wrong, and where
        return unpack(self.captured.template, outputs)

    def still_fits(self) -> bool:
        """Whether the Variables are such as the graph takes. Their tensors may be others, and modules may move."""
        natives = self.natives
        for i, variable in enumerate(self.variables):
            new, old = variable.native, natives[i]
            if new is not old:
                if not isinstance(new, torch.Tensor) or _kind(new) != _kind(old):
                    return False
                natives[i] = new
        return all([x.dtype is dtype and x.device == device for x, dtype, device in self.parameters])

    def start_anew(self, call: Call) -> Any:
        """Another dtype or device: the graph is of no use."""
        if self.build is not None:
            self.build.stop()
        self.__init__(self.backend, self.eager, self.fn, self.pace, self.graphs)
        return self.stage(self, call)


def _kind(x: torch.Tensor) -> tuple:
    return type(x), x.shape, x.dtype, x.device, x.stride()
