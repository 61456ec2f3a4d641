"""What each input feature is, for those who compute it where there is no tagware."""

from __future__ import annotations

from collections.abc import Iterable

from hls.tables import Table

AXIS = "of the particle less that of the jet's axis"
TURNED = "turned about the jet's axis so that the pT-weighted principal axis of all particles lies along +eta_rot"
LIFETIME = "positive where the track meets the jet's axis in front of the vertex"
GROOMED = "of the jet groomed by mMDT, z_cut = 0.1"

MEANINGS = {
    **dict.fromkeys(("px", "py", "pz"), "momentum (GeV)"),
    **{"energy": "energy (GeV)", "energy_rel": "energy over that of the jet"},
    **{"pt": "transverse momentum (GeV)", "pt_rel": "transverse momentum over that of the jet"},
    **{"eta": "pseudorapidity", "eta_rel": f"pseudorapidity {AXIS}"},
    **{"phi": "azimuth in [−π, π)", "phi_rel": f"azimuth {AXIS}"},
    "eta_rot": f"(eta_rel, phi_rel) {TURNED}; of its two directions that with Σ pT eta_rot³ ≥ 0 (arXiv:1511.05190)",
    "phi_rot": "the other coordinate of the same rotation",
    "delta_r": "√(eta_rel² + phi_rel²)",
    **{"cos_theta": "tanh(eta)", "cos_theta_rel": "tanh(eta_rel)"},
    "particle_id": "charged hadron ±1, neutral hadron 2, photon 3, electron ±4, muon ±5, by the charge; 0: unknown",
    "d0_mm": f"transverse impact parameter, {LIFETIME}, cut at ±2 mm",
    "d0_significance": "the same over its error, cut at ±20",
    "dz_mm": f"longitudinal impact parameter, {LIFETIME}, cut at ±5 mm",
    "dz_significance": "the same over its error, cut at ±20",
    "zlogz": "Σ z log z, z = pT over the sum of pT, all particles",
    **{f"c1_b{beta}": f"C1({beta}) {GROOMED} (arXiv:1305.0007)" for beta in range(3)},
    **{f"c2_b{beta}": f"C2({beta}) {GROOMED} (arXiv:1305.0007)" for beta in (1, 2)},
    **{f"d2_b{beta}": f"D2({beta}) {GROOMED} (arXiv:1409.6298)" for beta in (1, 2)},
    **{f"d2_a1_b{beta}": f"D2(1, {beta}) {GROOMED} (arXiv:1409.6298)" for beta in (1, 2)},
    **{f"{kind}2_b{beta}": f"{kind.upper()}2({beta}) {GROOMED} (arXiv:1609.07483)" for kind in "mn" for beta in (1, 2)},
    "mass_mmdt": f"mass {GROOMED} (GeV)",
    "multiplicity": "number of particles, ungroomed",
}
"""The features of `jets.features`, `jets.tracks` and `jets.high_level`, which say more."""


def feature_table(names: Iterable[str]) -> Table:
    """What the features of these names are; those that are not known are left out."""
    return Table(("Feature", "What it is"), tuple((name, MEANINGS[name]) for name in names if name in MEANINGS))
