"""`jit`: the stages that a function goes through, for each structure of its arguments."""

from __future__ import annotations

import functools
import os
import statistics
import time
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from triceras.backends.torch.compiler import background
from triceras.backends.torch.compiler.arguments import Unsuitable, slots, split
from triceras.backends.torch.compiler.capture import Captured, NotCapturable, capture, unpack
from triceras.core import tree
from triceras.core.scope import local
from triceras.core.state import StatelessScope

SIZES = 3  # batch sizes that get graphs at once when there is one for another size
TURNS = 10  # calls of the captured and of the compiled graph, in turn, before the faster one is kept
OUTPUTS = 1e-3  # how far results may be off, relatively, before a graph counts as wrong
UPDATES = 0.1  # how far the change of all Variables together may be off: noise in gradients of 0 is amplified by Adam


class Pace(NamedTuple):
    """When to go on to the next stage.

    Args:
        capture_after: seconds that eager calls must have taken altogether.
        compile_after: seconds that all calls must have taken before a compiler starts; None: never.
        wait: whether to wait for the compiler, and to take what it made without comparing times.
    """

    capture_after: float
    compile_after: float | None
    wait: bool = False


AUTO = Pace(1.0, 5.0)
AT_ONCE = Pace(0.0, 0.0)
PACES = {"eager": Pace(0.0, None), "wait": Pace(0.0, 0.0, wait=True)}


def pace(jit_compile: Any) -> Pace | None:
    """How to compile; None: not at all. `TRICERAS_TORCH_COMPILE` overrules it.

    Its values: `0` never compiles, `eager` captures at the second call and goes no further, `wait` waits for the
    compiler at the third.
    """
    wish = os.environ.get("TRICERAS_TORCH_COMPILE", "auto")
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
    programs: dict[tuple, Program] = {}

    @functools.wraps(fn, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        if local.state is not None or torch._C._is_any_autocast_enabled() or torch.is_inference_mode_enabled():
            return eager(*args, **kwargs)
        key, leaves = [torch.is_grad_enabled(), local.autocast], []
        try:
            for x in args:
                split(x, backend.convert, key, leaves)
            if kwargs:
                split(kwargs, backend.convert, key, leaves)
        except Unsuitable:
            return eager(*args, **kwargs)
        program = programs.get(key := tuple(key))
        if program is None:
            soon = chosen._replace(capture_after=0.0)
            program = programs[key] = Program(backend, eager, fn, soon if _has_sibling(key, programs) else chosen)
        return program.stage(program, Call(args, kwargs, leaves))

    run.programs = programs
    return run


def _has_sibling(key: tuple, programs: dict[tuple, Program]) -> bool:
    """Whether the new one differs from a captured one by the batch size only, as the last batch of an epoch does.

    Where there are many sizes, each must prove itself that it is worth a graph.
    """
    family = _without_batch_size(key)
    siblings = [p for other, p in programs.items() if _without_batch_size(other) == family]
    return len(siblings) < SIZES and any(p.captured is not None for p in siblings)


def _without_batch_size(key: tuple) -> tuple:
    return tuple([x[1:] if type(x) is torch.Size else x for x in key])


class Call(NamedTuple):
    """One call: the arguments, and the tensors among them."""

    args: tuple
    kwargs: dict[str, Any]
    leaves: list[torch.Tensor]


class _Recorder(StatelessScope):
    """Lets everything through to the Variables and notes which ones are used."""

    def add_update(self, update: tuple[Any, Any]) -> None:
        variable, value = update
        self.assigned[id(variable)] = variable
        variable.native = variable.backend.assign(variable.native, value)


class Program:
    """A function for one structure of arguments, in one of its stages."""

    def __init__(self, backend: Any, eager: Callable, fn: Callable, pace: Pace):
        self.backend, self.eager, self.fn, self.pace = backend, eager, fn, pace
        self.stage: Callable[[Program, Call], Any] = Program.warm_up
        self.seconds, self.times = 0.0, ([], [])
        self.variables: list[Any] = []
        self.natives: list[torch.Tensor] = []
        self.parameters: list[tuple[torch.Tensor, torch.dtype, torch.device]] = []
        self.captured: Captured | None = None
        self.build: background.Build | None = None
        self.run: Callable | None = None
        self.reason = "it hasn't run long enough"  # why it isn't compiled

    # --- stages ------------------------------------------------------------------------------------------------------

    def warm_up(self, call: Call) -> Any:
        """Run eagerly until it has taken as long as capturing takes; then note which Variables it uses."""
        if self.seconds < self.pace.capture_after:
            begun = time.perf_counter()
            result = self.eager(*call.args, **call.kwargs)
            self.seconds += time.perf_counter() - begun
            return result
        with _Recorder() as recorder:
            result = self.eager(*call.args, **call.kwargs)
        used = {**recorder.read, **recorder.assigned}
        self.variables = list(used.values())
        self.stage = Program.take_over
        if any(v.backend is not self.backend for v in self.variables):
            self.stay_eager("it uses Variables of another backend")
        if any(isinstance(x, torch.Tensor) and x.requires_grad for x in tree.flatten(result)):
            self.stay_eager("its result is to be differentiated")
        return result

    def uncompiled(self, call: Call) -> Any:
        """Run eagerly for ever."""
        return self.eager(*call.args, **call.kwargs)

    def take_over(self, call: Call) -> Any:
        """Capture the graph; run eagerly once more and see whether the graph does the same."""
        template = slots([call.args, call.kwargs], [0])

        def with_tensors(leaves: list[torch.Tensor]) -> Any:
            args, kwargs = unpack(template, leaves)
            return self.fn(*args, **kwargs)

        try:
            self.captured = capture(self.backend, with_tensors, self.variables, call.leaves)
            replay = Replay(self.captured.variables)
        except (NotCapturable, torch.OutOfMemoryError) as error:
            self.refuse(str(error))
            return self.eager(*call.args, **call.kwargs)
        self.variables = self.captured.variables
        result = self.eager(*call.args, **call.kwargs)
        outputs = [x.value if hasattr(x, "assign") else x for x in tree.flatten(result)]
        outputs = [x for x in outputs if isinstance(x, torch.Tensor)]
        problem = replay.difference(self.captured.module.forward, self.captured.constants, call.leaves, outputs)
        if problem:
            self.refuse(f"its graph gives other results ({problem}): it uses more than its Variables")
            return result
        self.natives = [v.native for v in self.variables]
        self.parameters = [(x, x.dtype, x.device) for x in self.natives if isinstance(x, torch.nn.Parameter)]
        self.run, self.stage, self.reason = self.captured.module.forward, Program.on_graph, "not yet compiled"
        known = [*self.natives, *self.captured.constants]
        if self.pace.compile_after is not None and background.is_known(self.captured, known):
            self.begin_build()  # the work was done in an earlier run
        return result

    def on_graph(self, call: Call) -> Any:
        """Run the captured graph; start the compiler when that pays, and take what it made."""
        after = self.pace.compile_after
        if self.build is None and after is not None and self.seconds >= after:
            self.begin_build()
        if self.build is not None and self.build.is_done(self.pace.wait):
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
        self.build = background.start(self.captured, [*self.natives, *self.captured.constants])
        weakref.finalize(self, self.build.stop)

    def first_compiled(self, call: Call) -> Any:
        """Run the captured graph once more and see whether the compiled one does the same."""
        if not self.still_fits():
            return self.start_anew(call)
        replay = Replay(self.variables)
        result = self.call_graph(self.run, call)
        outputs = [x for x in tree.flatten(result) if isinstance(x, torch.Tensor)]
        compiled = self.build.run
        problem = replay.difference(compiled, self.captured.constants, call.leaves, outputs)
        if problem:
            self.settle(self.run, f"compiled, it gives other results ({problem})")
        elif self.pace.wait or any(x.device.type != "cpu" for x in self.natives):
            self.settle(compiled, "")  # on an accelerator calls return before they are done: no times to compare
        else:
            self.stage = Program.trial
        return result

    def trial(self, call: Call) -> Any:
        """Run the captured and the compiled graph in turn, and keep the faster one."""
        if not self.still_fits():
            return self.start_anew(call)
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

    # --- moves -------------------------------------------------------------------------------------------------------

    def settle(self, run: Callable, reason: str | None) -> None:
        """Keep one of the graphs for good."""
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

    def call_graph(self, run: Callable, call: Call) -> Any:
        """Run a graph on the Variables as they are."""
        if not self.still_fits():
            return self.start_anew(call)
        with torch.no_grad():
            leaves = [x if x.is_contiguous() else x.contiguous() for x in call.leaves]
            try:
                outputs = run(*self.natives, *self.captured.constants, *leaves)
            except Exception:
                if run != self.captured.module.forward:
                    raise
                outputs = None  # it writes into Variables at its very end: nothing has happened yet
        if outputs is None:
            return self.eager(*call.args, **call.kwargs)  # this says what is wrong, and where
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
        self.__init__(self.backend, self.eager, self.fn, self.pace)
        return self.stage(self, call)


class Replay:
    """Variables' values and torch's random numbers before a call, to run it again on copies.

    Args:
        variables: the Variables that the call may change.
    """

    def __init__(self, variables: Sequence[Any]):
        self.variables = variables
        self.values = [v.native.detach().clone() for v in variables]
        self.random = _random_state()

    def difference(
        self, run: Callable, constants: Sequence[Any], leaves: Sequence[Any], outputs: Sequence[Any]
    ) -> str | None:
        """What a graph makes otherwise than the call that took place in the meantime; None where it is the same.

        Args:
            run: the graph.
            constants, leaves: its further inputs.
            outputs: the tensors that the call gave.
        """
        copies = [x.clone() for x in self.values]
        after = _random_state()
        _set_random_state(self.random)
        try:
            with torch.no_grad():
                found = run(*copies, *constants, *(x.contiguous() for x in leaves))
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            _set_random_state(after)
        for got, want in zip(found, outputs, strict=True):
            if not _close(got, want):
                return "results differ"
        changed = distance = 0.0
        for variable, before, got in zip(self.variables, self.values, copies, strict=True):
            want = variable.native.detach()
            if not want.is_floating_point() and not torch.equal(got, want):
                return f"{variable.path} differs"
            changed += _squares(want, before)
            distance += _squares(got, want)
        return None if distance <= UPDATES**2 * changed + 1e-12 else "the Variables differ"


def _random_state() -> tuple:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None


def _set_random_state(state: tuple) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state_all(state[1])


def _kind(x: torch.Tensor) -> tuple:
    return type(x), x.shape, x.dtype, x.device, x.stride()


def _close(got: torch.Tensor, want: torch.Tensor) -> bool:
    if got.shape != want.shape or got.dtype is not want.dtype:
        return False
    if not got.is_floating_point() and not got.is_complex():
        return torch.equal(got, want)
    return torch.allclose(got, want.detach(), rtol=OUTPUTS, atol=OUTPUTS, equal_nan=True)


def _squares(a: torch.Tensor, b: torch.Tensor) -> float:
    if not a.is_floating_point():
        return 0.0
    difference = torch.nan_to_num((a - b).float(), nan=0.0, posinf=0.0, neginf=0.0)
    return float(difference.square().sum())
