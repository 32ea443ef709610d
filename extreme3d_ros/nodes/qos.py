"""Quality of service of the nodes' own topics."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

#: Of the topics between the nodes. Reliable, because one lost message costs the whole frame; a few deep, because the
#: messages of a frame come one after another and the newest of each need not be of one frame. Nothing gets old in this
#: queue: it is emptied into the synchroniser at once, and there the newest complete frame wins.
OBSERVATION = QoSProfile(depth=4, reliability=ReliabilityPolicy.RELIABLE)

#: Of what others publish and only the newest of is of use: publishers of both kinds match.
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

#: Of the mesh: who comes late sees the last one.
MESH = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)

#: Of whose face it is.
FACE_ID = MESH
