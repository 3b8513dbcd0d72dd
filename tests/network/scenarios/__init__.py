"""The scenarios, each in a file with its variants."""

from . import cut, emulator_itself, host_gone, mtu_hole, short_cuts, slow_link, slow_ping, upload

ALL = [
    *emulator_itself.SCENARIOS,
    *slow_link.SCENARIOS,
    *slow_ping.SCENARIOS,
    *upload.SCENARIOS,
    *cut.SCENARIOS,
    *host_gone.SCENARIOS,
    *mtu_hole.SCENARIOS,
    *short_cuts.SCENARIOS,
]
