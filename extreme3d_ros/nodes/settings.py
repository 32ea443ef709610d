"""Declared parameters: with descriptions, choices and ranges, and an answer for those that cannot change now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from extreme3d_ros.errors import InputError

Value = bool | int | float | str


@dataclass(frozen=True)
class Setting:
    """A parameter. Its type is the default's; limits: (low, high) of a number; live: may change while at work; needed:
    a text that must not be empty."""

    name: str
    default: Value
    description: str
    choices: Sequence[str] = ()
    limits: tuple[float, float] | None = None
    live: bool = False
    needed: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(name=self.name, description=self.description)
        if self.choices:
            descriptor.additional_constraints = f"one of: {', '.join(self.choices)}"
        # `read` sees to the type. `-p rate:=15` makes an integer, `-p source:=0` too: they are taken for what they are
        # meant; and rclpy would refuse others by numbers of types.
        descriptor.dynamic_typing = True
        if self.limits and isinstance(self.default, float):
            low, high = map(float, self.limits)
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif self.limits:
            low, high = map(int, self.limits)
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
        return descriptor

    def read(self, value: Any) -> Value:
        """A parameter's value in the type of the default. Raises InputError where it isn't one or is out of bounds."""
        accepted = {float: (float, int), str: (str, int)}.get(type(self.default), (type(self.default),))
        if type(value) not in accepted:
            raise InputError(f"parameter {self.name} must be a {type(self.default).__name__}, not {value!r}")
        if self.choices and value not in self.choices:
            raise InputError(f"parameter {self.name} must be one of {', '.join(self.choices)}, not {value!r}")
        if self.limits and not self.limits[0] <= value <= self.limits[1]:
            raise InputError(f"parameter {self.name} must be in {self.limits[0]} .. {self.limits[1]}, not {value!r}")
        if self.needed and value == "":
            raise InputError(f"parameter {self.name} must not be empty")
        return type(self.default)(value)


class Settings:
    """A node's parameters by name, always of their type and within their bounds.

    `fixed`: set while the node has read those that aren't live; a change of them is then refused with the reason.
    Raises InputError where a value given at the start is wrong.
    """

    def __init__(self, node: Node, settings: Sequence[Setting]):
        self.fixed = False
        self._node = node
        self._settings = {setting.name: setting for setting in settings}
        for setting in settings:
            setting.read(node.declare_parameter(setting.name, setting.default, setting.descriptor()).value)
        node.add_on_set_parameters_callback(self._check)

    def __getitem__(self, name: str) -> Any:
        """A parameter's value now, in the type of its default."""
        return self._settings[name].read(self._node.get_parameter(name).value)

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            setting = self._settings.get(parameter.name)
            if setting is None:  # use_sim_time and the like
                continue
            if self.fixed and not setting.live:
                reason = f"parameter {setting.name} is read on configure: deactivate and clean up the node first"
                return SetParametersResult(successful=False, reason=reason)
            try:
                setting.read(parameter.value)
            except InputError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)
