from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jets.config import check_keys, fill, read_yaml
from jets.errors import ConfigError, DataError, InputError


@dataclass(frozen=True)
class Layer:
    reuse_factor: int = 1
    strategy: Literal["latency", "resource"] = "latency"

    def __post_init__(self) -> None:
        if self.reuse_factor < 1:
            raise ConfigError(f"reuse_factor must be at least 1, not {self.reuse_factor}", None, "use 1")


@dataclass(frozen=True)
class Hls:
    part: str
    clock_ns: float = 5.0
    bits: int | None = 8
    simulate: bool = True
    pt_gev: tuple[float, float] = (800.0, 1200.0)
    dense: tuple[int, ...] = (64,)
    rnn: Layer = field(default_factory=Layer)
    head: Layer | None = None
    layers: Mapping[str, Layer] = field(default_factory=dict)
    steps: tuple[Layer, ...] = ()
    folder: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.clock_ns <= 0:
            raise ValueError("clock_ns must be positive")
        if self.part == "none":
            raise DataError("no such part", "elsewhere.yaml", "choose")


WHERE = "project.yaml: hls"


def test_values_nested_ones_and_defaults_are_filled() -> None:
    hls = fill(
        Hls,
        {
            "part": "xcu250",
            "clock_ns": 4,
            "bits": None,
            "pt_gev": [550, 650],
            "dense": [32, 16],
            "rnn": {"reuse_factor": 2},
            "head": {"strategy": "resource"},
            "layers": {"logit": {"reuse_factor": 3}},
            "steps": [{}, {"reuse_factor": 4}],
            "folder": "out",
            "extra": {"anything": [1, {"goes": True}]},
        },
        WHERE,
    )
    assert hls == Hls(
        "xcu250", 4.0, None, True, (550.0, 650.0), (32, 16), Layer(2), Layer(1, "resource"), {"logit": Layer(3)},
        (Layer(), Layer(4)), Path("out"), {"anything": [1, {"goes": True}]},
    )  # fmt: skip
    assert type(hls.clock_ns) is float and all(type(edge) is float for edge in hls.pt_gev)


def test_an_absent_section_is_all_defaults_and_instances_pass() -> None:
    assert fill(Layer, None, WHERE) == Layer()
    assert fill(Hls, {"part": "x", "rnn": Layer(5)}, WHERE).rnn == Layer(5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clock": 4}, f"{WHERE}: unknown key 'clock'; did you mean 'clock_ns'?"),
        ({"zzzz": 4}, f"{WHERE}: unknown key 'zzzz'; known keys: part, clock_ns, "),
        ({"rnn": {"reuse": 2}}, f"{WHERE}: rnn: unknown key 'reuse'; did you mean 'reuse_factor'?"),
        ({"head": {"reuse": 2}}, f"{WHERE}: head: unknown key 'reuse'; did you mean 'reuse_factor'?"),
        ({"layers": {"a": {"reuse": 2}}}, f"{WHERE}: layers: a: unknown key 'reuse'; did you mean"),
        ({"steps": [{}, {"reuse": 2}]}, f"{WHERE}: steps: 1: unknown key 'reuse'; did you mean"),
        ({"clock_ns": "five"}, f"{WHERE}: clock_ns: must be a number, not 'five'"),
        ({"clock_ns": True}, f"{WHERE}: clock_ns: must be a number, not True"),
        ({"clock_ns": float("nan")}, f"{WHERE}: clock_ns: must be a number, not nan"),
        ({"bits": 8.5}, f"{WHERE}: bits: must be int, not 8.5"),
        ({"bits": True}, f"{WHERE}: bits: must be int, not True"),
        ({"simulate": "yes"}, f"{WHERE}: simulate: must be bool, not 'yes'"),
        ({"part": 7}, f"{WHERE}: part: must be str, not 7"),
        ({"pt_gev": [1, 2, 3]}, f"{WHERE}: pt_gev: must be a list of 2 values, not [1, 2, 3]"),
        ({"pt_gev": [1, "b"]}, f"{WHERE}: pt_gev: 1: must be a number, not 'b'"),
        ({"dense": 64}, f"{WHERE}: dense: must be a list, not 64"),
        ({"dense": "64"}, f"{WHERE}: dense: must be a list, not '64'"),
        ({"rnn": 3}, f"{WHERE}: rnn: must be a mapping, not 3"),
        ({"layers": [1]}, f"{WHERE}: layers: must be a mapping, not [1]"),
        ({"rnn": {"strategy": "fast"}}, f"{WHERE}: rnn: strategy: must be one of latency, resource, not 'fast'"),
        ({"rnn": {"reuse_factor": 0}}, f"{WHERE}: rnn: reuse_factor must be at least 1, not 0; use 1"),
        ({"clock_ns": -1}, f"{WHERE}: clock_ns must be positive"),
    ],
)
def test_a_bad_value_is_named_by_its_whole_path(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fill(Hls, {"part": "xcu250"} | changes, WHERE)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match=f"{WHERE}: the key 'part' is missing; add it"):
        fill(Hls, {}, WHERE)


def test_an_error_that_knows_its_place_keeps_it() -> None:
    with pytest.raises(DataError, match=r"^elsewhere\.yaml: no such part"):
        fill(Hls, {"part": "none"}, WHERE)


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), ("2E6", 2e6), ("1.5e+2", 150.0), ("1.0e-3", 0.001)])
def test_a_number_with_an_exponent_is_a_number_in_yaml(tmp_path: Path, text: str, value: float) -> None:
    (tmp_path / "a.yaml").write_text(f"part: x\nclock_ns: {text}\n")
    assert fill(Hls, read_yaml(tmp_path / "a.yaml"), "a.yaml").clock_ns == value


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "just text", "", "a: b: c", "\tx: 1"])
def test_what_is_not_a_yaml_mapping_is_a_config_error_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_yaml_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: no such YAML file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x89")
    with pytest.raises(ConfigError, match=r"binary\.yaml: is not YAML"):
        read_yaml(tmp_path / "binary.yaml")


def test_a_yaml_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.yaml").write_text("a: 1")
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(InputError, match=r"a\.yaml: cannot be read; correct its permissions"):
        read_yaml(tmp_path / "a.yaml")


def test_merge_keys_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "merge.yaml"
    path.write_text(
        "base: &base {units: 20, cell: gru}\ndeep: {wide: &wide {<<: *base, units: 30}}\ntop: {<<: *wide, units: 40}\n"
    )
    assert read_yaml(path)["deep"] == {"wide": {"units": 30, "cell": "gru"}}
    assert read_yaml(path)["top"] == {"units": 40, "cell": "gru"}


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("rnn:\n  units: 20\n  units: 30\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml: .*'units'.*twice"):
        read_yaml(path)


@given(st.dictionaries(st.text(), st.integers()))
def test_only_known_keys_pass(mapping: dict[str, int]) -> None:
    if set(mapping) <= {"part", "clock_ns"}:
        check_keys(mapping, ["part", "clock_ns"], WHERE)
    else:
        with pytest.raises(ConfigError, match="unknown key"):
            check_keys(mapping, ["part", "clock_ns"], WHERE)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists) | st.dictionaries(st.text(), st.none())
)
def test_whatever_stands_for_a_value_it_fills_or_is_a_config_error(value: Any) -> None:
    for key in ("clock_ns", "bits", "dense", "rnn", "head", "layers", "steps", "folder"):
        try:
            fill(Hls, {"part": "x", key: value}, WHERE)
        except ConfigError as error:
            assert str(error).startswith(f"{WHERE}: {key}") or "clock_ns must be positive" in str(error)
