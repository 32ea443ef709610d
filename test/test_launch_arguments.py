"""The launch files' arguments, against the parameters that they set."""

# ruff: noqa: I001  (beside a folder named launch it takes the package launch for ours)
import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("launch_ros", reason="ROS 2's launch_ros is not installed")

from extreme3d_ros.nodes import parameters  # noqa: E402

FOLDER = Path(__file__).parent.parent / "launch"
FILES = sorted(path.name for path in FOLDER.glob("*.launch.py"))
NODES = {"face_node": parameters.FACE_NODE, "completion_node": parameters.COMPLETION_NODE}


def loaded(name):
    spec = importlib.util.spec_from_file_location("launch_file", FOLDER / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own_arguments(name):
    return [entity for entity in loaded(name).generate_launch_description().entities if hasattr(entity, "choices")]


@pytest.mark.parametrize("name", FILES)
def test_every_argument_has_a_description_and_a_default(name):
    arguments = own_arguments(name)
    assert len(arguments) >= 3
    # launch itself appends the choices.
    described = [argument.description.split(" Valid choices are: ")[0] for argument in arguments]
    assert all(len(description) > 10 and description.endswith(".") for description in described)
    assert all(argument.default_value is not None for argument in arguments)


@pytest.mark.parametrize("node", NODES)
def test_arguments_offer_what_their_parameters_accept_and_are_empty_else(node):
    settings = {setting.name: setting for setting in NODES[node]}
    file = loaded("face.launch.py")
    for argument in file.OVERRIDES[node]:
        setting = settings[argument.name]
        assert argument.choices == (["", *accepted(setting)] if accepted(setting) else None)
        assert argument.default_value[0].text == "" and file.kind(argument) is type(setting.default)


def accepted(setting):
    """What a parameter accepts, if that can be listed."""
    if isinstance(setting.default, bool):
        return ["true", "false"]
    if isinstance(setting.default, int):
        return [str(number) for number in range(setting.limits[0], setting.limits[1] + 1)]
    return list(setting.choices)
