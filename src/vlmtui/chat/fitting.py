"""A load, looked at before it is made: are the files sound, and does it fit into memory?

Joins what the headers say (`models`), what llama.cpp reckons (`engine`) and what is free
(`hardware`). It loads nothing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from vlmtui.engine import host_inquiry
from vlmtui.engine.base import Engine
from vlmtui.engine.engine_events import Planned
from vlmtui.engine.engine_requests import Load
from vlmtui.errors import EngineCrashed, LoadFailed
from vlmtui.models import gguf, memory
from vlmtui.models.fit import Fit, Machine, Needs, Options, choose, judge
from vlmtui.models.gguf import pairing
from vlmtui.models.gguf.header import Header
from vlmtui.models.memory import Bytes, Need, Setup
from vlmtui.models.tower_memory import image_bytes


class Prospect:
    """What can be known of a load beforehand."""

    def __init__(self, load: Load, model: Header, mmproj: Header | None) -> None:
        """Take the headers; raises `BadModelFile` where llama.cpp would refuse them."""
        pairing.check(model, mmproj)
        self.load = load
        self.model = model
        self.mmproj = mmproj
        self._planned: dict[Setup, Planned | None] = {}

    @staticmethod
    def of(load: Load) -> Prospect:
        """Read the headers of a load's files; takes milliseconds.

        Raises:
            BadModelFile: A file is damaged, no model, or doesn't go with the other.
        """
        files = load.files
        mmproj = gguf.from_path(Path(files.mmproj)) if files.mmproj is not None else None
        return Prospect(load, gguf.from_path(Path(files.model)), mmproj)

    @property
    def wanted(self) -> Setup:
        """The setup that was asked for, the automatic context at its largest."""
        load = self.load
        return Setup(
            ctx=memory.rounded_ctx(load.ctx or memory.default_ctx(self.model)),
            kv=load.kv,
            gpu_layers=load.gpu_layers,
            mmproj_gpu=load.mmproj_gpu,
            batch=load.batch,
        )

    def request(self, setup: Setup) -> Load:
        return msgspec.structs.replace(
            self.load,
            ctx=setup.ctx,
            kv=setup.kv,
            gpu_layers=setup.gpu_layers,
            mmproj_gpu=setup.mmproj_gpu,
            batch=setup.batch,
        )

    def options(self, machine: Machine) -> Options:
        """What may be changed about it."""
        return Options(
            kv=memory.kv_types(self.model),
            layers=len(self.model.layers),
            mmproj=self.mmproj is not None,
            gpu=has_gpu(machine) and self.load.gpu_layers != 0,
        )

    def estimated(self, setup: Setup, machine: Machine) -> Need:
        """What it takes, from the headers."""
        return memory.estimate(self.model, self.mmproj, setup, gpu=has_gpu(machine))

    def simulated(
        self, setup: Setup, machine: Machine, engine: Engine, picture: tuple[int, int] | None = None
    ) -> Need:
        """What it takes, as llama.cpp reckons; from the headers where it can't say.

        For the largest `picture`, see `memory.estimate`.
        """
        estimated = self.estimated(setup, machine)
        if _never_fits(estimated, machine):
            return estimated  # llama.cpp takes some bytes a token even to reckon
        if setup not in self._planned:
            try:
                self._planned[setup] = engine.plan(self.request(setup))
            except (LoadFailed, EngineCrashed):
                self._planned[setup] = None  # the load itself will say why
        planned = self._planned[setup]
        if planned is None:
            return estimated
        return self._need(setup, planned, picture)

    def fitted(self, machine: Machine, engine: Engine) -> Fit:
        """How to load it: as it was asked for, or the nearest that fits.

        A context that was asked for in numbers stays, unless the whole machine couldn't hold it;
        only the automatic one gives way.
        """
        wanted = self.wanted
        fit = judge(wanted, self.estimated(wanted, machine), machine)
        # which device llama.cpp takes is for itself to say
        if fit.verdict == "yes" and not has_gpu(machine):
            return fit

        return self.expected(machine, lambda setup: self.simulated(setup, machine, engine))

    def expected(self, machine: Machine, needs: Needs | None = None) -> Fit:
        """As `fitted`, from the headers alone: roughly, within milliseconds, without an engine.

        What it takes is reckoned, unless `needs` tells.
        """
        needs = needs or (lambda setup: self.estimated(setup, machine))
        if self.load.ctx:
            need = needs(self.wanted)
            if not _never_fits(need, machine):
                return judge(self.wanted, need, machine)
        return choose(needs, self.wanted, machine, self.options(machine))

    def _need(self, setup: Setup, planned: Planned, picture: tuple[int, int] | None) -> Need:
        """A simulated load by part."""
        gpu = any(device.gpu for device in planned.devices)
        images = Bytes()
        if self.mmproj is not None:
            images = image_bytes(
                self.model,
                self.mmproj,
                setup.ctx,
                on_gpu=planned.mmproj_gpu,
                picture=picture,
                reckoned=planned.mmproj_compute,
            )
        mmproj = planned.mmproj
        return Need(
            weights=_by_place(planned, "weights"),
            kv=_by_place(planned, "kv"),
            compute=_by_place(planned, "compute"),
            mmproj=Bytes(gpu=mmproj) if planned.mmproj_gpu else Bytes(host=mmproj),
            images=images,
            process=Bytes(planned.process, memory.GPU_CONTEXT if gpu else 0),
        )


def this_machine(replaced: int | None = None) -> Machine:
    """The memory of this machine now; that of the engine's process `replaced` counts as free."""
    from vlmtui.hardware.memory import free_memory  # not needed where a model is loaded already

    now = free_memory(replaced)
    machine = Machine(now.free, now.total, now.gpu_free, now.gpu_total, now.shared)
    return machine.with_more(Bytes(now.held, now.gpu_held))


def machine_after_eviction(replaced: int | None = None) -> Machine:
    """As `this_machine`, after models that nobody uses have made way, as they do for a load."""
    from vlmtui.hardware.memory import free_memory

    machine = this_machine(replaced)
    for pid in host_inquiry.unused_engines():
        if pid != replaced:
            unused = free_memory(pid)
            machine = machine.with_more(Bytes(unused.held, unused.gpu_held))
    return machine


def shortage(name: str, fit: Fit) -> str:
    """What is short, for a person."""
    need = sum(fit.need.total) if not fit.on_gpu else fit.need.total.gpu
    where = " of GPU memory" if fit.on_gpu else ""
    return f"{name} needs {need / 1e9:.2f} GB{where}, {(need + fit.left) / 1e9:.2f} GB are free"


def has_gpu(machine: Machine) -> bool:
    """Whether llama.cpp could put layers on a GPU."""
    return machine.shared or machine.gpu_total > 0


def _never_fits(need: Need, machine: Machine) -> bool:
    """Whether all memory there is would be too little, whoever else had none."""
    return sum(need.total) > machine.total + machine.gpu_total


def _by_place(planned: Planned, part: str) -> Bytes:
    host = sum(getattr(device, part) for device in planned.devices if not device.gpu)
    return Bytes(host, sum(getattr(device, part) for device in planned.devices if device.gpu))
