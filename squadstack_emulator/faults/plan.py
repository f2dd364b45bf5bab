"""Which call a fault strikes: counters over the faults of a scenario."""

from squadstack_emulator.faults.fault import ONLY_ON, Fault, Traffic


class FaultPlan:
    """The faults of a scenario and how far each has counted. Faults count independently of each other."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._faults = faults
        self._matched = [0] * len(faults)
        self._struck = [0] * len(faults)

    def strike(self, traffic: Traffic, names: frozenset[str], path: str = "") -> Fault | None:
        """Return the fault that hits this call: of several that are due the first, and the others let it pass.

        Args:
            traffic: What kind of call it is.
            names: Campaign id and ref id of what the call is for.
            path: Its path.
        """
        due = [
            position
            for position, fault in enumerate(self._faults)
            if _concerns(fault, traffic, names, path) and self._is_due(position, fault)
        ]
        if not due:
            return None
        self._struck[due[0]] += 1
        return self._faults[due[0]]

    def _is_due(self, position: int, fault: Fault) -> bool:
        self._matched[position] += 1
        beyond = self._matched[position] - fault.skip
        is_turn = beyond > 0 and beyond % fault.every == 0
        return is_turn and (fault.times is None or self._struck[position] < fault.times)


def _concerns(fault: Fault, traffic: Traffic, names: frozenset[str], path: str) -> bool:
    if fault.on not in {traffic, "any"} or traffic not in ONLY_ON.get(fault.kind, {traffic}):
        return False
    return (fault.campaign is None or fault.campaign in names) and fault.path in path
