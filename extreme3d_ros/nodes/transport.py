"""Room for large messages in Fast DDS, ROS 2's usual middleware.

Its shared memory holds 512 KiB, but the layers of a frame are 3 MB and a mesh is 9 MB: what doesn't fit is thrown away
and sent again later (benchmarks/transport.py: up to 300 ms late and one in eight lost, against 5 ms and none). So the
nodes ask for more, unless the user has chosen a configuration. The sender's memory is what counts: viewers need
nothing.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

_DATA = Path(__file__).parent.parent / "data"
_PROFILES = {"": "fastdds.xml", "DEFAULT": "fastdds.xml", "SHM": "fastdds_shm.xml"}

#: Variables by which users configure Fast DDS, or keep it off the network.
_USERS_OWN = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "ROS_LOCALHOST_ONLY")


def make_room(environment: MutableMapping[str, str] = os.environ) -> None:
    """Points Fast DDS to our profile; has an effect only before rclpy.init, and on no other middleware."""
    profile = _PROFILES.get(environment.get("FASTDDS_BUILTIN_TRANSPORTS", ""))
    if profile is None or any(environment.get(name) for name in _USERS_OWN):
        return
    old = environment.get("ROS_DISTRO") in ("humble", "iron", "jazzy")  # Fast DDS 2
    environment["FASTRTPS_DEFAULT_PROFILES_FILE" if old else "FASTDDS_DEFAULT_PROFILES_FILE"] = str(_DATA / profile)
