"""The catalogue of networks: true of the shipped files and of the profiles, open to the user's, strict in reading."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.engines.catalogue import catalogue, entries_path, named, of_profile
from extreme3d_ros.engines.network import Network, Noise
from extreme3d_ros.errors import InputError, ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.folders import networks_folder
from extreme3d_ros.profiles import PROFILES, fast_path_of

ENTRY = """
mine:
  about: embedding network
  file: mine.onnx
  inputs:
    image: {shape: [1, 3, 112, 112], noise: [float32, -1, 1]}
  limits:
    feature: [1.0e-2, 1.0e-3]
  preprocessing: RGB, -1..1
  licence: MIT
  origin: somebody
"""


@pytest.fixture(autouse=True)
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    networks_folder().mkdir(parents=True)


@pytest.fixture(params=["foundation", "bump"])
def shipped(request):
    return catalogue()[request.param]


class TestShipped:
    def test_the_files_are_those_of_the_catalogue(self, shipped):
        digest = hashlib.sha256(shipped.path.read_bytes()).hexdigest()
        assert digest == shipped.sha256, f"a new {shipped.path.name}? Enter its SHA-256 in data/networks.yaml"
        shipped.verify()

    def test_inputs_and_outputs_are_the_files(self, shipped):
        engine = OnnxEngine(shipped.path)
        assert shipped.open_shapes(engine.shapes) == {}, "nodes name no shapes for their plans"
        assert set(shipped.limits) == set(engine.outputs)

    def test_a_changed_file_is_refused_with_what_to_do(self, shipped, tmp_path):
        changed = tmp_path / "changed.onnx"
        changed.write_bytes(shipped.path.read_bytes()[:-1])
        with pytest.raises(ModelFileError, match=r"changed\.onnx is not the file .* install the package again"):
            Network(**{**vars(shipped), "path": changed}).verify()


class FakeEngine:
    """Any of the networks, as far as those who load them look."""

    metadata = {"face_model": load_face_model().name}
    answers = {
        "shape2018": {"shape": np.zeros((1, 99), np.float32), "texture": np.zeros((1, 99), np.float32)},
        "bump2018": dict.fromkeys(("mask", "bump"), np.zeros((1, 512, 512), np.float32)),
        "bump": dict.fromkeys(("mask", "bump", "occlusion"), np.zeros((1, 256, 256), np.float32)),
        "foundation": {
            "moved": np.zeros((2, 468, 2), np.float32),
            "point_scatter": np.zeros((2, 468), np.float32),
            **dict.fromkeys(("coefficients", "coefficient_scatter"), np.zeros((2, 128), np.float32)),
        },
    }

    def __init__(self, network):
        self.shapes, self._answer = network.shapes, self.answers[network.name]
        self.outputs = tuple(self._answer)

    def __call__(self, **inputs):
        return self._answer


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_needs_the_networks_that_its_road_asks_for(profile):
    by_path = {network.path: network for network in catalogue().values()}
    for name in ("shape2018", "bump2018"):
        (networks_folder() / f"{name}.onnx").touch()
    asked = []

    def engines(path):
        asked.append(by_path[path])
        return FakeEngine(by_path[path])

    fast_path_of(profile, load_face_model(), engines)
    assert {network.name for network in asked} == {network.name for network in of_profile(profile)}


class TestEntered:
    def test_an_entry_of_the_user_s_stands_beside_the_package_s(self):
        entries_path().write_text(ENTRY)
        (mine,) = named(["mine"])
        assert mine.path == networks_folder() / "mine.onnx" and mine.profiles == ()
        assert mine.shapes == {"image": (1, 3, 112, 112)} and mine.limits == {"feature": (0.01, 0.001)}
        assert list(catalogue())[:4] == ["foundation", "bump", "shape2018", "bump2018"]

    def test_its_file_may_lie_anywhere(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        entries_path().write_text(ENTRY.replace("mine.onnx", "~/there/mine.onnx"))
        assert catalogue()["mine"].path == tmp_path / "there" / "mine.onnx"

    def test_a_file_that_is_not_there_is_named_with_the_entry(self):
        entries_path().write_text(ENTRY)
        with pytest.raises(ModelFileError, match=r"the network mine has no file .*mine\.onnx: .*networks\.yaml"):
            catalogue()["mine"].require_file()

    @pytest.mark.parametrize(
        "old, new, says",
        [
            ("  licence: MIT\n", "", "mine: it has no licence"),
            ("  licence: MIT", "  license: MIT\n  licence: MIT", "license is none of its fields, which are about"),
            ("  licence: MIT", "  licence: MIT\n  profiles: [default]", "profiles is none of its fields"),
            ("[1, 3, 112, 112]", "[N, 3, 112, 112]", r"input image needs a shape, a list of sizes, not \['N'"),
            ("[1, 3, 112, 112]", "[0, 3, 112, 112]", "input image needs a shape"),
            (", noise: [float32, -1, 1]", "", "each of its inputs needs noise"),
            ("[float32, -1, 1]", "[text, -1, 1]", "noise of image must be"),
            ("[float32, -1, 1]", "[float32, 1, -1]", "from a lower to a higher"),
            ("1.0e-2", "1e-2", "limits of feature must be two numbers"),
            ("1.0e-2", ".nan", "limits of feature must be two numbers"),
            ("1.0e-2", "9" * 400, "limits of feature must be two numbers"),
            ("[float32, -1, 1]", "[float32, -1, 1.0e+300]", "noise of image must be two numbers"),
            ("about: embedding network", "about: 7", "about must be a line of text"),
            ("mine:", "bump:", "network bump is one of the package's own"),
            ("mine:", "mine: 3\nother:", "network mine: the entry must be a table, not 3"),
            (ENTRY, "- mine", "is no table of networks"),
            (ENTRY, "mine: [", "cannot be read"),
            (ENTRY, "mine: !!python/object/apply:os.getcwd []", "cannot be read"),
            (ENTRY, "mine: !!python/name:os.system", "cannot be read"),
            (ENTRY, "mine: " + "[" * 5000, "cannot be read"),
            (ENTRY, "mine: 2001-99-99", "cannot be read"),
            (ENTRY, "mine: " + "9" * 5000, "cannot be read"),
            (ENTRY, "mine: !!bool x", "cannot be read"),
            (ENTRY, "mine: !!timestamp x", "cannot be read"),
            (ENTRY, "mine: !!binary x", "cannot be read"),
            (ENTRY, "? [1]\n: 2", "cannot be read"),
            (ENTRY, "? 0x" + "f" * 5000 + "\n: 2", "cannot be read"),
            (ENTRY, "x" * 900 + ": 2", "network x+: the entry must be a table"),
            (ENTRY, "mine: *" + "x" * 5000, "cannot be read"),
            (ENTRY, ENTRY + "#" * 100_000, "has more than 100000 bytes"),
            (ENTRY, "mine: &a [*a]", "mine: the entry must be a table"),
            (ENTRY, '"mi\\nne": 3', "network mi ne: the entry must be a table"),
            (ENTRY, "", "is no table of networks"),
            ("file: mine.onnx", 'file: "mi\\0ne"', "file must be a line of text"),
            ("file: mine.onnx", "file: [a, b]", "file must be a line of text"),
        ],
    )
    def test_a_wrong_one_is_named_in_one_line(self, old, new, says):
        assert old in ENTRY
        entries_path().write_text(ENTRY.replace(old, new))
        with pytest.raises(InputError, match=says) as caught:
            catalogue()
        assert str(entries_path()) in str(caught.value) and "\n" not in str(caught.value)
        assert len(str(caught.value).replace(str(entries_path()), "")) < 600


class TestHostile:
    def test_nothing_that_an_entry_asks_for_runs(self, tmp_path):
        for tag in (
            "object/apply:os.system [touch {0}]",
            "object/new:os.system [touch {0}]",
            "object/apply:eval ['0']",
        ):
            entries_path().write_text("mine: !!python/" + tag.format(tmp_path / "trapped"))
            with pytest.raises(InputError, match="cannot be read"):
                catalogue()
        assert not (tmp_path / "trapped").exists()

    def test_aliases_that_stand_for_more_than_memory_holds_are_told_in_brief(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 12)]
        nested = "\n".join(f"    {line}" for line in lines)
        wrong = "mine:\n  limits:\n" + nested + "\n  about: *a11\n"
        needed = "".join(f"  {name}: a\n" for name in ("file", "preprocessing", "licence", "origin"))
        entries_path().write_text(wrong + needed + "  inputs: {x: 1}\n")
        with pytest.raises(InputError, match="about must be a line of text") as caught:
            catalogue()
        assert len(str(caught.value)) < 600

    def test_a_home_that_is_none_is_no_error_until_the_file_is_asked_for(self):
        entries_path().write_text(ENTRY.replace("mine.onnx", "~nobody-of-that-name/mine.onnx"))
        with pytest.raises(ModelFileError, match="the network mine has no file"):
            catalogue()["mine"].verify()

    def test_a_file_that_is_a_folder_cannot_be_read(self):
        entries_path().mkdir()
        with pytest.raises(InputError, match=r"networks\.yaml cannot be read \(networks\.yaml is no file\)"):
            catalogue()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="there is no network nose: there are foundation, bump"):
        named(["bump", "nose"])


def network(shapes):
    texts = dict.fromkeys(("name", "about", "preprocessing", "licence", "origin", "remedy"), "a")
    return Network(path=networks_folder() / "a.onnx", shapes=shapes, noise={}, limits={}, **texts)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=4), st.integers(0, 3))
def test_only_what_the_file_leaves_open_is_settled(sizes, other):
    wanted = tuple(size for size, _ in sizes)
    found = tuple("N" if is_open else size for size, is_open in sizes)
    entry = network({"x": wanted, "y": (2,)})
    expected = {"x": wanted} if "N" in found else {}
    assert entry.open_shapes({"x": found, "y": (2,)}) == expected
    at = other % len(found)
    wrong = (*found[:at], wanted[at] + 1, *found[at + 1 :])
    for shapes in ({"x": wrong, "y": (2,)}, {"x": found}, {"x": (*found, 1), "y": (2,)}):
        with pytest.raises(ModelFileError, match=r"a\.onnx takes"):
            entry.open_shapes(shapes)


@given(st.sampled_from(["float32", "uint8"]), st.integers(0, 100), st.integers(101, 255), st.integers(0, 99))
def test_noise_fills_its_range_and_is_the_same_again(kind, low, high, seed):
    first, again = (Noise(kind, low, high)((500,), np.random.default_rng(seed)) for _ in range(2))
    assert first.dtype == kind and np.array_equal(first, again)
    assert low <= first.min() and first.max() <= high and np.ptp(first) > 0.8 * (high - low)
