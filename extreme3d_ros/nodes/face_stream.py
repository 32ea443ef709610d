"""A face on its way from observations to meshes, in completion_node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rclpy.time import Time
from std_msgs.msg import Header

from extreme3d_ros.nodes.face_topics import FaceTopics
from extreme3d_ros.records import Completed
from extreme3d_ros.references.person import Person


@dataclass(frozen=True)
class Finished:
    """A finished mesh, the header of its frame, and whose it is: "" where it is the only face."""

    header: Header
    completed: Completed
    face: str


class FaceStream:
    """One face's memory. face: its id; "" is whoever the base topics show. number: its Marker's id.

    topics: below the id; none for "". open: whether observations come. current: whether a mesh was finished since they
    come. arrival: of the newest observation. shown: the header of the mesh that viewers have before them.
    """

    def __init__(self, face: str, number: int, topics: FaceTopics):
        self.face, self.number, self.topics = face, number, topics
        self.person = Person()
        self.open = self.current = False
        self.arrival: Time | None = None
        self.shown: Header | None = None
        self.finished: Finished | None = None
        self._whose = face

    def meet(self, face: str) -> None:
        """Takes whose face the newest observation shows, "" where nobody says; another's memory is dropped."""
        if face and face != self._whose:
            if self._whose:
                self.person.forget()
            self._whose = face

    def lost(self, now: Time, after: float) -> bool:
        """Whether no observation came for `after` seconds."""
        return self.arrival is None or (now - self.arrival).nanoseconds > after * 1e9

    def take_over(self, other: FaceStream) -> None:
        """Goes on with the face of another stream, which has then nothing to show any more."""
        self.person, other.person = other.person, Person()
        self.finished, self.arrival = other.finished, other.arrival
        self._whose = other._whose if not self.face else self.face
        if other.number == self.number:
            self.shown, other.shown = other.shown, None


class FaceStreams(Mapping[str, FaceStream]):
    """The streams by id: either those of faces with topics of their own, or the one of the base topics, "".

    make: the topics below an id. Any thread reads; one at a time follows.
    """

    def __init__(self, make: Callable[[str], FaceTopics]):
        self._make = make
        self._streams: dict[str, FaceStream] = {}  # replaced as a whole

    def __getitem__(self, face: str) -> FaceStream:
        return self._streams[face]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def of(self, chosen: str) -> FaceStream | None:
        """The stream of the chosen face; while none is chosen that of any."""
        streams = self._streams
        return streams.get(chosen) or next(iter(streams.values()), None)

    def follow(self, faces: Iterable[str], chosen: str) -> list[FaceStream]:
        """Makes it the streams of these ids, and returns those that are gone.

        Where a face was alone and isn't any more, or is alone again, `chosen` tells which one goes on under another id.
        """
        before, faces = self._streams, set(faces)
        kept = {face: stream for face, stream in before.items() if face in faces}
        heir, forerunner = (chosen, "") if "" in before else ("", chosen)
        for face in sorted(faces - before.keys(), key=lambda face: (face != chosen, face)):
            kept[face] = FaceStream(face, _free({stream.number for stream in kept.values()}), self._make(face))
        gone = [stream for face, stream in before.items() if face not in faces]
        if heir in kept and heir not in before and forerunner in before and forerunner not in kept:
            kept[heir].take_over(before[forerunner])
        self._streams = kept
        return gone


def _free(taken: set[int]) -> int:
    return min(set(range(len(taken) + 1)) - taken)
