"""From options to what the API shows: tell the story, cut it at the as-of time, plant faults."""

from dataclasses import dataclass

from loader.sandbox.faults import plant_faults
from loader.sandbox.options import SandboxOptions
from loader.sandbox.planting import Planted
from loader.sandbox.scenario.story import tell
from loader.sandbox.scenario.uniform import uniform_snapshot
from loader.sandbox.snapshot import Snapshot, take_snapshot


@dataclass(frozen=True)
class Sandbox:
    """What the API shows, and which discrepancies were planted in it."""

    snapshot: Snapshot
    planted: tuple[Planted, ...] = ()


def open_sandbox(options: SandboxOptions) -> Sandbox:
    """Return the sandbox of these options; the uniform platform has no planted faults."""
    if options.is_uniform:
        return Sandbox(uniform_snapshot(options))
    snapshot = take_snapshot(tell(options), options.now)
    planted = plant_faults(snapshot, options.seed) if options.broken else ()
    return Sandbox(snapshot, planted)
