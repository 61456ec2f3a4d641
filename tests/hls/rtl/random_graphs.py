"""Graphs drawn at random: layers, widths, rounding and overflow modes, weights; the same seed draws the same graph."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hls.fixed_point import OVERFLOWS, ROUNDINGS, FixedType
from tests.hls.rtl.many import Description

SIMPLE = ("linear", "relu", "relu1", "relu6", "binary_tanh", "ternary_tanh")
TABULATED = ("sigmoid", "tanh", "softplus", "softsign", "elu", "selu")
PARAMETRIZED = ("LeakyReLU", "ThresholdedReLU", "ELU")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
TABLE_SIZES = (37, 64, 256, 1000, 1024)
MAX_LAYERS = 4
HOLDS_ALL = FixedType(24, 12)
"""Every value of the types of a palette is one of this type's."""


def draw(batch: int, index: int) -> Description:
    """The graph of a seed: graphs of one batch share their types, which saves most of the compiler's time."""
    return _Drawing(Palette.of(batch), random.Random(f"{batch} {index}")).graph()


def draw_branches(seed: int, n_branches: int) -> Description:
    """Graphs of a seed side by side: all fed by one input, their outputs joined in a type that holds any of them."""
    return _Drawing(Palette.of(seed), random.Random(f"branches {seed}")).branches(n_branches)


@dataclass(frozen=True)
class Palette:
    """The types of a batch by role."""

    value: tuple[FixedType, ...]
    weight: tuple[FixedType, ...]
    accumulator: tuple[FixedType, ...]
    table: tuple[FixedType, ...]

    @classmethod
    def of(cls, seed: int) -> Palette:
        """Types of a seed; accumulators are wide or lossy, weights as they may be."""
        rng = random.Random(seed)

        def drawn(count: int, bits: tuple[int, int], integer: tuple[int, int], signed: float) -> tuple[FixedType, ...]:
            return tuple(
                FixedType(
                    rng.randint(*bits),
                    rng.randint(*integer),
                    rng.random() < signed,
                    rng.choice(sorted(ROUNDINGS)),
                    rng.choice(OVERFLOWS),
                )
                for _ in range(count)
            )

        return cls(
            value=drawn(5, (4, 11), (1, 5), 0.7),
            weight=drawn(2, (3, 8), (0, 3), 0.8),
            accumulator=drawn(2, (8, 18), (3, 8), 1.0),
            table=drawn(2, (6, 14), (2, 5), 0.8),
        )


@dataclass
class _Drawing:
    """A graph as it grows."""

    palette: Palette
    rng: random.Random
    layers: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurrent: bool = False

    def graph(self) -> Description:
        shape = (
            [self.rng.randint(2, 4)] if self.rng.random() < 0.6 else [self.rng.randint(2, 4), self.rng.randint(1, 3)]
        )
        self.add("Input", "x", {"input_shape": shape})
        for _ in range(self.rng.randint(1, MAX_LAYERS)):
            shape = self.rng.choice(self.choices(shape))(shape)
        return Description(self.layers, self.config, self.rng.choice(("Vitis", "Vivado")))

    def branches(self, n_branches: int) -> Description:
        """Each begins with a dense layer, to which the input's type says nothing."""
        self.add("Input", "x", {"input_shape": [4]})
        # Every code of it is a value, as not of a symmetric type.
        self.config["x"]["Precision"]["result"] = str(replace(self.last_type(), overflow="WRAP"))
        ends: list[str] = []
        for _ in range(n_branches):
            shape = self.dense([4])
            self.layers[-1]["inputs"] = ["x"]
            for _ in range(self.rng.randint(1, MAX_LAYERS - 1)):
                shape = self.rng.choice(self.choices(shape))(shape)
            ends.append(self.layers[-1]["name"])
        joined = ends[0]
        for end in ends[1:]:
            name = self.name("join")
            self.add("Concatenate", name, {"inputs": [joined, end], "axis": 1, "op": "concatenate1d"})
            self.config[name]["Precision"]["result"] = str(HOLDS_ALL)
            joined = name
        return Description(self.layers, self.config)

    def choices(self, shape: Sequence[int]) -> list[Callable[[list[int]], list[int]]]:
        """What can follow a tensor of this shape."""
        anything = [self.activation, self.softmax, self.merge, self.quantizer, self.table]
        if len(shape) == 1:
            return [*anything, self.dense, self.dense, self.scale]
        images = [self.pointwise, self.pooling, self.global_pooling, self.flatten]
        return [*anything, *images] if self.recurrent else [*anything, *images, self.recurrence, self.recurrence]

    def add(self, kind: str, name: str, attributes: dict[str, Any], types: Sequence[str] = (), **keys: Any) -> None:
        """A layer, fed by the last one unless its attributes say otherwise, with a type for each role."""
        inputs = [self.layers[-1]["name"]] if self.layers else []
        self.layers.append({"class_name": kind, "name": name, "inputs": inputs, **attributes})
        precision = {role: str(self.type_of(role)) for role in ("result", *types)}
        self.config[name] = {"Precision": precision, **keys}

    def type_of(self, role: str) -> FixedType:
        """A type of the palette for a role of hls4ml's."""
        kind = {"result": self.palette.value, "accum": self.palette.accumulator}
        return self.rng.choice(kind.get(role, self.palette.weight))

    def name(self, kind: str) -> str:
        return f"{kind}_{len(self.layers)}"

    def numbers(self, *shape: int) -> Any:
        """Weights beyond every grid."""
        return np.array([self.rng.gauss(0.0, 0.7) for _ in range(math.prod(shape))]).reshape(shape)

    def dense(self, shape: list[int]) -> list[int]:
        n_out = self.rng.randint(1, 4)
        data = {"weight_data": self.numbers(shape[0], n_out), "bias_data": self.numbers(n_out)}
        attributes = {"n_in": shape[0], "n_out": n_out, **data}
        self.add("Dense", self.name("dense"), attributes, ("weight", "bias", "accum"))
        return [n_out]

    def scale(self, shape: list[int]) -> list[int]:
        data = {"scale_data": self.numbers(*shape), "bias_data": self.numbers(*shape)}
        attributes = {"n_in": shape[0], "n_filt": -1, "use_gamma": True, "use_beta": True, **data}
        self.add("BatchNormalization", self.name("norm"), attributes, ("scale", "bias"))
        return shape

    def pointwise(self, shape: list[int]) -> list[int]:
        width, channels, filters = *shape, self.rng.randint(1, 3)
        attributes = {
            "in_width": width,
            "out_width": width,
            "n_chan": channels,
            "n_filt": filters,
            "filt_width": 1,
            "stride_width": 1,
            "pad_left": 0,
            "pad_right": 0,
            "data_format": "channels_last",
            "weight_data": self.numbers(1, channels, filters),
            "bias_data": self.numbers(filters),
        }
        self.add("Conv1D", self.name("point"), attributes, ("weight", "bias", "accum"))
        return [width, filters]

    def activation(self, shape: list[int]) -> list[int]:
        tables = {"TableSize": self.rng.choice(TABLE_SIZES), "table_t": str(self.rng.choice(self.palette.table))}
        n_in, name = math.prod(shape), self.name("act")
        kind = self.rng.choice(("Activation", "Activation", "ParametrizedActivation", "HardActivation", "PReLU"))
        if kind == "Activation":
            # hls4ml makes another layer of a scale and a binary or ternary tanh.
            simple = SIMPLE[:4] if self.layers[-1]["class_name"] in ("BatchNormalization", "Dense") else SIMPLE
            attributes: dict[str, Any] = {"activation": self.rng.choice(simple + TABULATED)}
        elif kind == "ParametrizedActivation":
            kind = self.rng.choice(PARAMETRIZED)
            attributes = {"activation": kind.lower(), "activ_param": self.rng.uniform(0.0, 2.0)}
        elif kind == "HardActivation":
            function = self.rng.choice(("hard_sigmoid", "hard_tanh"))
            attributes = {"activation": function, "slope": self.rng.choice((0.2, 0.5, 1 / 6)), "shift": 0.5}
        else:
            attributes = {"activation": "prelu", "param_data": self.numbers(*shape)}
        self.add(kind, name, {"n_in": n_in, **attributes}, () if kind == "Activation" else ("param",), **tables)
        return shape

    def softmax(self, shape: list[int]) -> list[int]:
        implementation = self.rng.choice(("latency", "stable", "argmax", "legacy"))
        name, before = self.name("softmax"), self.last_type()
        types = {role: self.rng.choice(self.palette.table) for role in ("exp_table", "inv_table", "inv_inp")}
        bits = before.width - (before.signed and implementation == "stable")
        sizes = {"exp": bits, "inv": min(bits, types["inv_inp"].width)}
        attributes: dict[str, Any] = {
            f"{kind}_table_size": 2 ** self.rng.randint(1, size) for kind, size in sizes.items()
        }
        outer = shape[0] if len(shape) == 2 else 1
        place = {"n_in": math.prod(shape), "n_outer": outer, "n_inner": 1, "axis": -1, "activation": "softmax"}
        attributes |= {**place, "implementation": implementation}
        self.add("Softmax", name, attributes, ("accum",), Implementation=implementation)
        self.config[name]["Precision"] |= {role: str(fixed) for role, fixed in types.items()}
        return shape

    def last_type(self) -> FixedType:
        """The type of the last tensor, as far as the configuration decides it."""
        return FixedType.parse(self.config[self.layers[-1]["name"]]["Precision"]["result"])

    def merge(self, shape: list[int]) -> list[int]:
        source = self.layers[-1]["name"]
        self.activation(shape)
        left = self.layers[-1]["name"]
        self.activation(shape)
        self.layers[-1]["inputs"] = [source]
        inputs = [left, self.layers[-1]["name"]]
        if self.rng.random() < 0.25:
            axis = len(shape)
            self.add("Concatenate", self.name("join"), {"inputs": inputs, "axis": axis, "op": f"concatenate{axis}d"})
            return [*shape[:-1], 2 * shape[-1]]
        self.add("Merge", self.name("merge"), {"inputs": inputs, "op": self.rng.choice(MERGES).lower()})
        return shape

    def quantizer(self, shape: list[int]) -> list[int]:
        bits = [[self.rng.randint(*limits) for _ in range(math.prod(shape))] for limits in ((0, 1), (0, 6), (-1, 4))]
        attributes: dict[str, Any] = {
            "mask_kbi": tuple(np.array(row).reshape(1, *shape) for row in bits),
            "RND": self.rng.choice(sorted(ROUNDINGS)),
            "SAT": self.rng.choice(OVERFLOWS),
            "overrides": {},
            "fusible": None,
        }
        self.add("FixedPointQuantizer", self.name("quantizer"), attributes)
        return shape

    def table(self, shape: list[int]) -> list[int]:
        size = 2 ** self.last_type().width
        fixed = self.rng.choice(self.palette.table)
        attributes = {"activation": "unary_lut", "table_data": fixed.cast(self.numbers(size))}
        self.add("UnaryLUT", self.name("table"), attributes, table_t=str(fixed))
        return shape

    def pooling(self, shape: list[int]) -> list[int]:
        width, stride = self.rng.randint(1, shape[0]), self.rng.randint(1, 2)
        before, after = (self.rng.randint(0, width - 1) for _ in range(2))
        n_out = (shape[0] + before + after - width) // stride + 1
        attributes: dict[str, Any] = {"n_in": shape[0], "n_out": n_out, "n_filt": shape[1], "pool_width": width}
        attributes |= {
            "stride_width": stride,
            "pad_left": before,
            "pad_right": after,
            "count_pad": self.rng.random() < 0.5,
        }
        attributes |= {"data_format": "channels_last", "implementation": "linebuffer"}
        self.add(f"{self.rng.choice(('Max', 'Average'))}Pooling1D", self.name("pool"), attributes, ("accum",))
        return [n_out, shape[1]]

    def global_pooling(self, shape: list[int]) -> list[int]:
        kind = self.rng.choice(("Max", "Average"))
        attributes = {"n_in": shape[0], "n_filt": shape[1], "data_format": "channels_last"}
        self.add(f"Global{kind}Pooling1D", self.name("pool"), attributes, ("accum",))
        return [shape[1]]

    def flatten(self, shape: list[int]) -> list[int]:
        self.add("Reshape", self.name("flatten"), {"target_shape": [math.prod(shape)]})
        return self.dense([math.prod(shape)])

    def recurrence(self, shape: list[int]) -> list[int]:
        self.recurrent = True
        kind, units = self.rng.choice((("GRU", 3), ("LSTM", 4))), self.rng.randint(1, 2)
        n_gates = kind[1] * units
        attributes = {
            "n_timesteps": shape[0],
            "n_in": shape[1],
            "n_out": units,
            "activation": "tanh",
            "recurrent_activation": "sigmoid",
            "return_sequences": self.rng.random() < 0.5,
            "return_state": False,
            "weight_data": self.numbers(shape[1], n_gates),
            "recurrent_weight_data": self.numbers(units, n_gates),
            "bias_data": self.numbers(n_gates),
            "recurrent_bias_data": self.numbers(n_gates) if kind[0] == "GRU" else np.zeros(n_gates),
        }
        types = ("weight", "bias", "recurrent_weight", "recurrent_bias", "accum")
        tables = {"TableSize": self.rng.choice((64, 256, 1024)), "table_t": str(self.rng.choice(self.palette.table))}
        self.add(kind[0], self.name("cell"), attributes, types, **tables)
        return [shape[0], units] if attributes["return_sequences"] else [units]
