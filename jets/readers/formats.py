"""The formats that can be imported, by name; each is one module."""

from __future__ import annotations

from collections.abc import Mapping

from jets.readers import (
    aspen_open_jets,
    cms_pfnano,
    hls4ml_lhc_jets,
    jetclass,
    jetnet,
    omnilearned,
    rs3l,
    top_tagging,
)  # fmt: skip
from jets.readers.reader import Reader

READERS: Mapping[str, Reader] = {
    "top_tagging": top_tagging.READER,
    "hls4ml_lhc_jets": hls4ml_lhc_jets.READER,
    "jetclass": jetclass.READER,
    "jetnet": jetnet.READER,
    "omnilearned": omnilearned.READER,
    "aspen_open_jets": aspen_open_jets.READER,
    **cms_pfnano.READERS,
    **rs3l.READERS,
}
