"""Pickled modules: their numbers come out, and nothing of theirs runs."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pickle_pieces import (
    SYSTEM,
    Build,
    Call,
    Global,
    New,
    Raw,
    Reference,
    encode,
    module,
    ordered,
    pickled,
    stream,
    tensor,
    write_archive,
)

from extreme3d_ros.networks.importers import checkpoint
from extreme3d_ros.networks.importers.checkpoint import numbers_of, read_checkpoint
from extreme3d_ros.untrusted import confined
from extreme3d_ros.untrusted.broken import Broken

NUMBERS = {"0": np.arange(6, dtype="<f4"), "1": np.array([7], "<i8")}


def unpickled(data: bytes):
    """Within this process: what is refused is refused before any limit is reached."""
    return numbers_of(io.BytesIO(data))


def small():
    """A module with a module in it."""
    layer = module("Layer", {"weight": tensor((2, 3), "0")}, stride=(2, 2), eps=1e-4, padding_mode="zeros")
    return module(buffers={"count": tensor((), "1", storage="LongStorage")}, modules={"layer": layer, "none": None})


class TestNumbers:
    def check(self, found):
        assert set(found) == {"tensors/layer.weight", "tensors/count", "settings/layer.stride", "settings/layer.eps"}
        np.testing.assert_array_equal(found["tensors/layer.weight"], [[0, 1, 2], [3, 4, 5]])
        assert found["tensors/count"].shape == () and found["tensors/count"] == 7
        np.testing.assert_array_equal(found["settings/layer.stride"], [2, 2])
        np.testing.assert_array_equal(found["settings/layer.eps"], [1e-4])

    def test_of_the_old_format(self):
        self.check(unpickled(stream(small(), NUMBERS)))

    def test_of_the_new_format(self, tmp_path):
        self.check(unpickled(write_archive(tmp_path / "net.pth", small(), NUMBERS).read_bytes()))

    def test_views_of_a_storage(self):
        views = {
            "transposed": tensor((3, 2), "0", 6, strides=(1, 3)),
            "part": tensor((2,), "0", 6, offset=1, strides=(3,)),
            "empty": tensor((0, 2), "0", 6),
        }
        found = unpickled(stream(module(parameters=views), {"0": NUMBERS["0"]}))
        np.testing.assert_array_equal(found["tensors/transposed"], [[0, 3], [1, 4], [2, 5]])
        np.testing.assert_array_equal(found["tensors/part"], [1, 4])
        assert found["tensors/empty"].shape == (0, 2)

    def test_as_pytorch_0_3_wrote_them_under_python_2_on_a_gpu(self):
        """Byte strings, parameters that are called and then given a state, classes with their source, a back end."""
        reference = Reference((b"storage", Global("torch.cuda", "FloatStorage"), b"0", b"cuda:0", 6, None))
        plain = Call(Global("torch._utils", "_rebuild_tensor"), (reference, 0, (2, 3), (3, 1)))
        weight = Build(Call(Global("torch.nn.parameter", "Parameter"), (plain,)), (True, False, ordered({})))
        state = {
            b"_backend": Call(Global("torch.nn.backends.thnn", "_get_thnn_function_backend")),
            b"_parameters": ordered({"weight": weight, "bias": None}, str.encode),
            b"_buffers": ordered({}),
            b"_modules": ordered({}),
            b"note": b"\xe9",
        }
        cls = Reference((b"module", Global("__main__", "Net"), b"net.py", b"import os\nos.abort()\n"))
        found = unpickled(stream(Build(New(cls), state), {"0": NUMBERS["0"]}))
        assert set(found) == {"tensors/weight"}
        np.testing.assert_array_equal(found["tensors/weight"], [[0, 1, 2], [3, 4, 5]])


def writes(path):
    """Calls that would leave a file, and the name by which each is refused."""
    command, code = f"touch {path}", f"open({str(path)!r}, 'w')"
    source = pickled(Call(Global("os", "system"), (command,)))
    return {
        "os.system": Call(Global("os", "system"), (command,)),
        "posix.system": Call(Global("posix", "system"), (command,)),
        "subprocess.Popen": Call(Global("subprocess", "Popen"), (["touch", str(path)],)),
        "builtins.eval": Call(Global("builtins", "eval"), (code,)),
        "__builtin__.eval": Call(Global("__builtin__", "eval"), (code,)),
        "builtins.exec": Call(Global("builtins", "exec"), (code,)),
        "builtins.open": Call(Global("builtins", "open"), (str(path), "w")),
        "builtins.getattr": Call(Global("builtins", "getattr"), (Global("os", "path"), "join")),
        "pickle.loads": Call(Global("pickle", "loads"), (source,)),
        "importlib.import_module": Call(Global("importlib", "import_module"), ("antigravity",)),
        "torch.load": Call(Global("torch", "load"), (str(path),)),
        "torch.hub.load": Call(Global("torch.hub", "load"), (str(path.parent), "x")),
        "torch.storage._load_from_bytes": Call(Global("torch.storage", "_load_from_bytes"), (source,)),
        "numpy.load": Call(Global("numpy", "load"), (str(path),)),
        "numpy.testing._private.utils.runstring": Call(Global("numpy.testing._private.utils", "runstring"), (code, {})),
        "pip._internal.main": Call(Global("pip._internal", "main"), (["--log", str(path), "list"],)),
        "torch.nn.modules.module.Module": Call(Global("torch.nn.modules.module", "Module")),
        "commands.getoutput": Call(Global("commands", "getoutput"), (command,)),
        "collections.OrderedDict.fromkeys": Raw(b"\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93"),
        "os.popen": Raw(b"(" + encode(command) + b"ios\npopen\n"),
        "os.execlp": Raw(b"(" + encode(Global("os", "execlp")) + encode("touch") * 2 + encode(str(path)) + b"o"),
        "os.open": New(Global("os", "open"), (str(path), 65)),
        "copyreg._reconstructor": Call(
            Global("copyreg", "_reconstructor"), (Global("gone", "Net"), Global("builtins", "object"), None)
        ),
        "os.remove": Build(New(Global("gone", "Net")), {"__setstate__": Global("os", "remove")}),
    }


HOSTILE = list(writes(Path("nowhere")))


class TestHostile:
    @pytest.fixture
    def trap(self, tmp_path):
        return tmp_path / "trapped"

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_call_is_refused_by_name_and_never_made(self, name, trap, tmp_path):
        call = writes(trap)[name]
        places = [stream(call), stream(module(extra=call)), stream(module(parameters={"weight": call})), pickled(call)]
        places.append(write_archive(tmp_path / "net.pth", module(extra=call)).read_bytes())
        for data in places:
            with pytest.raises(Broken) as caught:
                unpickled(data)
            assert name in str(caught.value)
        assert not trap.exists()

    def test_what_python_itself_would_run_is_refused(self, trap, tmp_path):
        """The trap works: plain unpickling falls into it."""
        data = pickled(writes(trap)["os.system"])
        pickle.loads(data)
        assert trap.exists()
        trap.unlink()
        (tmp_path / "net.pth").write_bytes(data)
        with pytest.raises(Broken, match=r"os\.system"):
            read_checkpoint(tmp_path / "net.pth")
        assert not trap.exists()

    @pytest.mark.parametrize(
        "parameter",
        [
            tensor((7,), "0", 6),
            tensor((6,), "0", 6, offset=1),
            tensor((2, 3), "0", 6, strides=(4, 1)),
            tensor((1000, 1000), "0", 6, strides=(0, 0)),
            tensor((6,), "0", 6, strides=(-1,)),
            tensor((2.0,), "0", 6, strides=(1,)),
            tensor((6,), "0", 10**15),
            tensor((6,), "0", -6),
            Call(Global("torch._utils", "_rebuild_tensor_v2"), ("text", 0, (6,), (1,), False, {})),
            Call(Global("torch._utils", "_rebuild_parameter"), ("text", False, {})),
            tensor((6,), "0", storage="BFloat16Storage"),
        ],
    )
    def test_a_tensor_that_is_none(self, parameter):
        with pytest.raises(Broken):
            unpickled(stream(module(parameters={"weight": parameter}), {"0": NUMBERS["0"]}))

    @pytest.mark.parametrize("root", ["text", [module()], 5])
    def test_what_is_no_module(self, root):
        with pytest.raises(Broken, match="no module"):
            unpickled(stream(root))

    def test_a_module_within_itself(self):
        with pytest.raises(Broken, match="deeply"):
            own = Raw(encode(New(Global("gone", "Net"))) + b"q\x63" + encode({"_modules": {"a": Raw(b"h\x63")}}) + b"b")
            unpickled(stream(own))

    @pytest.mark.parametrize(
        "key",
        [
            "storage",
            5,
            (),
            ("storage",),
            ("storage", "FloatStorage", "0", "cpu", 6),
            ("storage", [Global("torch", "FloatStorage")], "0", "cpu", 6),
            ("storage", Global("torch", "FloatStorage"), "0", "cpu", 10**15),
            ("storage", Global("torch", "FloatStorage"), "0", "cpu", 6, ("0", 0, 6)),
            ("module", "os", "x", "y"),
            ("code", Global("torch", "FloatStorage"), "0", "cpu", 6),
        ],
    )
    def test_a_persistent_id_that_is_no_storage(self, key):
        with pytest.raises((Broken, TypeError, ValueError)):
            unpickled(stream(module(extra=Reference(key)), NUMBERS))

    def test_a_persistent_id_does_not_bring_in_a_name(self):
        with pytest.raises(Broken, match=r"os\.system"):
            unpickled(stream(module(extra=Reference(("module", Global("os", "system"), "x", "y")))))

    def test_a_pickle_within_the_pickle_stays_bytes(self, trap, tmp_path):
        inner = pickled(writes(trap)["os.system"])
        kept = unpickled(stream(module(extra=Raw(b"B" + len(inner).to_bytes(4, "little") + inner), eps=1e-4)))
        assert set(kept) == {"settings/eps"} and not trap.exists()
        with zipfile.ZipFile(tmp_path / "outer.pth", "w") as archive:
            archive.write(write_archive(tmp_path / "net.pth", small(), NUMBERS), "net/data.pkl")
        with pytest.raises((Broken, pickle.UnpicklingError)):  # a zip archive's first bytes are opcodes too
            unpickled((tmp_path / "outer.pth").read_bytes())

    def test_an_archive_that_unpacks_to_too_much(self, tmp_path, monkeypatch):
        data = write_archive(tmp_path / "net.pth", small(), NUMBERS).read_bytes()
        monkeypatch.setattr(checkpoint, "LARGEST", 100)
        with pytest.raises(Broken, match="unpacks to more than"):
            unpickled(data)

    def test_big_endian(self):
        data = stream(small(), NUMBERS)
        big = pickle.dumps(SYSTEM | {"little_endian": False}, 2)
        with pytest.raises(Broken, match="endian"):
            unpickled(data.replace(pickle.dumps(SYSTEM, 2), big))


class TestProcess:
    def refused(self, path, word):
        with pytest.raises(Broken, match=word) as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value)

    def test_gives_the_numbers(self, tmp_path):
        path = write_archive(tmp_path / "net.pth", small(), NUMBERS)
        found = read_checkpoint(path)
        assert set(found.tensors) == {"layer.weight", "count"}
        assert set(found.settings) == {"layer.stride", "layer.eps"}

    @pytest.mark.parametrize("archive", [False, True])
    def test_truncated_files(self, tmp_path, archive):
        data = stream(small(), NUMBERS)
        if archive:
            data = write_archive(tmp_path / "net.pth", small(), NUMBERS).read_bytes()
        rng = np.random.default_rng(0)
        for length in [0, 1, 40, len(data) - 1, *rng.integers(len(data), size=30)]:
            with pytest.raises(Exception) as caught:
                unpickled(data[:length])
            assert isinstance(
                caught.value, Broken | EOFError | ValueError | pickle.UnpicklingError | zipfile.BadZipFile
            )
        (tmp_path / "cut.pth").write_bytes(data[: len(data) // 2])
        self.refused(tmp_path / "cut.pth", r"\w")

    @pytest.mark.parametrize(
        "code, word",
        [
            (b"Nr\xff\xff\xff\x6f", "MemoryError"),  # a place in the unpickler's memo beyond all memory
            (b"\x96" + (1 << 40).to_bytes(8, "little"), "MemoryError|truncated|exhausted"),  # a bytearray
            (b"\x8e" + (1 << 40).to_bytes(8, "little"), "MemoryError|truncated|exhausted"),  # bytes
            (b"\x8d" + (1 << 62).to_bytes(8, "little"), "MemoryError|truncated|exhausted"),  # text
            (b"\x8b\xff\xff\xff\x7f", "MemoryError|truncated|exhausted"),  # a number
            (b"\x95" + (1 << 62).to_bytes(8, "little"), "MemoryError|truncated|exhausted"),  # a frame
        ],
    )
    def test_a_memory_bomb(self, code, word, tmp_path):
        (tmp_path / "net.pth").write_bytes(stream(Raw(code)))
        self.refused(tmp_path / "net.pth", word)

    def test_what_changes_the_reader_s_own_classes_gets_nothing_out_of_it(self, tmp_path):
        """A state with slots is set on whatever it is given to, a granted class too."""
        change = Build(Global("torch._utils", "_rebuild_tensor_v2"), (None, {"array": Global("builtins", "set")}))
        root = module(extra=change, parameters={"weight": tensor((6,), "0")})
        path = write_archive(tmp_path / "net.pth", root, {"0": NUMBERS["0"]})
        self.refused(path, r"\w")

    def test_a_state_dict_within_itself(self, tmp_path, monkeypatch):
        once, twice = (Raw(b"}q\x63" + b"".join(encode(name) + b"h\x63s" for name in names)) for names in ("a", "ab"))
        (tmp_path / "net.pth").write_bytes(stream(once))
        with pytest.raises(Broken, match="deeply"):
            read_checkpoint(tmp_path / "net.pth")
        (tmp_path / "net.pth").write_bytes(stream(twice))
        monkeypatch.setattr(confined, "PATIENCE", 2.0)
        with pytest.raises(Broken, match="deeply|more than 2 s"):
            read_checkpoint(tmp_path / "net.pth")

    def test_a_file_that_takes_forever(self, tmp_path, monkeypatch):
        """A module that holds one twice, which holds one twice, and so on: 2^24 of them."""
        nested = Raw(encode(module()) + b"q\x63")
        for _ in range(24):
            nested = Raw(encode(module(modules={"a": nested, "b": Raw(b"h\x63")})) + b"q\x63")
        (tmp_path / "net.pth").write_bytes(stream(nested))
        monkeypatch.setattr(confined, "PATIENCE", 2.0)
        self.refused(tmp_path / "net.pth", "more than 2 s")

    def test_line_ends_in_a_name_make_no_second_line(self, tmp_path):
        (tmp_path / "net.pth").write_bytes(stream(module(extra=Raw(b"\x8c\x02os\x8c\x03a\nb\x93"))))
        self.refused(tmp_path / "net.pth", "it asks for os.a b")
