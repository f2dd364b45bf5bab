"""A stand-in for the SquadStack API that answers as its documents say, keeps books and misbehaves on request."""

from squadstack_emulator.books import Applied, Books, Call
from squadstack_emulator.emulator import Emulator
from squadstack_emulator.lead import Lead
from squadstack_emulator.scenario import Campaign, Fault, FaultKind, Scenario

__all__ = ["Applied", "Books", "Call", "Campaign", "Emulator", "Fault", "FaultKind", "Lead", "Scenario"]
