"""A seeded P-20W consortium to show and test the product on."""

from linkage.simulation.parameters import Years
from linkage.simulation.world import Progress, World, simulate
from linkage.simulation.writing import refuse_occupied, write_world

__all__ = ["Progress", "World", "Years", "refuse_occupied", "simulate", "write_world"]
