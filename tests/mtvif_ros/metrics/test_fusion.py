import numpy as np
import pytest

from mtvif_ros.metrics.fusion import METRICS, Plane, fusion_metrics, luma

CHECKS = np.indices((32, 32)).sum(0) % 2 * 255.0
RAMP = np.tile(np.arange(32.0) * 8, (32, 1))


def of(name: str, fused: Plane, visible: Plane = RAMP, infrared: Plane = CHECKS) -> float:
    return fusion_metrics(fused, visible, infrared)[name]


def test_luma_is_bt601() -> None:
    assert luma(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))[0] == pytest.approx(
        [76.245, 149.685, 29.07]
    )


@pytest.mark.parametrize(
    ("name", "fused", "by_hand"),
    [
        ("EN", CHECKS, 1.0),  # two levels, equally often
        ("EN", RAMP, 5.0),  # 32 levels, equally often
        ("SD", CHECKS, 127.5),
        ("SF", RAMP, 8.0),  # 8 along rows, 0 along columns
        ("SF", CHECKS, 255 * np.sqrt(2)),
        ("AG", RAMP, 8 / np.sqrt(2)),
    ],
)
def test_values_by_hand(name: str, fused: Plane, by_hand: float) -> None:
    assert of(name, fused) == pytest.approx(by_hand)


def test_information_about_oneself_is_ones_entropy() -> None:
    assert of("MI", RAMP, RAMP, RAMP) == pytest.approx(2 * 5.0)


def test_scd_of_a_sum_of_the_sources_is_two() -> None:
    assert of("SCD", RAMP + CHECKS) == pytest.approx(2.0)


def test_a_copy_of_both_sources_is_perfect() -> None:
    perfect = {"VIF": 2.0, "Qabf": 0.9994 / (1 + np.exp(-7.5)) * 0.9879 / (1 + np.exp(-4.4)), "SSIM": 1.0}
    noise = np.random.default_rng(0).uniform(0, 255, (64, 64))
    got = fusion_metrics(noise, noise, noise)
    assert {name: got[name] for name in perfect} == pytest.approx(perfect, abs=1e-4)


def test_a_flat_image_keeps_nothing() -> None:
    noise = np.random.default_rng(0).uniform(0, 255, (64, 64))
    got = fusion_metrics(np.full((64, 64), 90.0), noise, noise)
    assert got["EN"] == got["SD"] == got["SF"] == got["AG"] == 0
    assert got["VIF"] == pytest.approx(0, abs=1e-6)
    assert got["Qabf"] < 0.01
    assert got["SSIM"] < 0.05


def test_ssim_of_constant_planes_by_hand() -> None:
    c1 = (0.01 * 255) ** 2
    by_hand = (2 * 100 * 50 + c1) / (100**2 + 50**2 + c1)
    a, b = np.full((32, 32), 100.0), np.full((32, 32), 50.0)
    assert of("SSIM", a, b, b) == pytest.approx(by_hand)


def test_every_metric_but_en_sd_sf_and_ag_treats_both_sources_alike() -> None:
    rng = np.random.default_rng(1)
    fused, a, b = (rng.uniform(0, 255, (48, 48)) for _ in range(3))
    assert fusion_metrics(fused, a, b) == pytest.approx(fusion_metrics(fused, b, a))


def test_planes_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(32, 32\).*\(8, 8\)"):
        fusion_metrics(RAMP, RAMP, np.zeros((8, 8)))


def test_all_nine_are_there() -> None:
    assert list(METRICS) == ["EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf", "SSIM"]


def test_planes_too_small_for_a_metric_are_refused_with_the_least_size(rng: np.random.Generator) -> None:
    assert np.isfinite(list(fusion_metrics(*rng.random((3, 25, 40)) * 255).values())).all()
    with pytest.raises(ValueError, match="at least 25 px"):
        fusion_metrics(*rng.random((3, 24, 40)))
