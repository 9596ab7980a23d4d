import numpy as np
import pytest
import torch

from mtvif_ros.metrics import fusion as metrics
from mtvif_ros.synthetic import Frame
from training.losses import fusion


def planes(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(1, 1, 64, 64, generator=generator) for _ in range(2))  # type: ignore[return-value]


@pytest.fixture
def scene(night_frame: Frame) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the average, luma and infrared of a rendered frame."""
    luma = torch.from_numpy(np.rint(metrics.luma(night_frame.rgb))).float()[None, None] / 255
    ir = torch.from_numpy(night_frame.ir).float()[None, None] / 255
    return (luma + ir) / 2, luma, ir


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8) * 0.1
    horizontal, vertical = fusion.gradients(ramp)[0, :, 2:-2, 2:-2]
    torch.testing.assert_close(horizontal, torch.full_like(horizontal, 0.2))
    torch.testing.assert_close(vertical, torch.zeros_like(vertical))


def test_a_warm_background_does_not_veil_a_dim_scene() -> None:
    luma, ir = torch.full((1, 1, 64, 64), 0.1), torch.full((1, 1, 64, 64), 0.5)
    ir[..., 16:32, 16:32] = 1.0
    target = fusion.intensity_target(luma, ir)
    assert target[0, 0, 60, 60] == pytest.approx(0.1)
    assert target[0, 0, 24, 24] == pytest.approx(1.0)


def test_a_dark_person_before_a_bright_sky_stays_dark() -> None:
    luma, ir = torch.full((1, 1, 128, 128), 1.0), torch.zeros(1, 1, 128, 128)
    luma[..., 60:68, 60:64] = 0.1
    ir[..., 60:68, 60:64] = 1.0
    assert fusion.intensity_target(luma, ir)[0, 0, 64, 62] == pytest.approx(0.1)


def test_a_warm_person_behind_smoke_by_day_shall_be_brighter_than_the_smoke() -> None:
    smoke, ir = torch.full((1, 1, 160, 160), 0.7), torch.full((1, 1, 160, 160), 0.3)
    person = (..., slice(72, 88), slice(76, 84))
    ir[person] = 0.6
    added = fusion.intensity_target(smoke, ir) - smoke
    assert added[person].min() > 0.2
    assert added[..., :64].abs().max() < 1e-6
    dim = torch.full_like(smoke, 0.2)
    assert fusion.hidden_warmth(dim, ir).max() == 0  # infrared is the brighter anyway
    textured = smoke + 0.2 * torch.randn(smoke.shape, generator=torch.Generator().manual_seed(0))
    assert fusion.hidden_warmth(textured, ir).max() == 0  # the visible frame shows something


def test_a_person_whom_daylight_shows_as_dark_stays_so_however_warm() -> None:
    luma, ir = torch.full((1, 1, 160, 160), 0.75), torch.full((1, 1, 160, 160), 0.1)
    person = (..., slice(72, 88), slice(76, 84))
    luma[person], ir[person] = 0.1, 0.9
    assert fusion.intensity_target(luma, ir)[person].max() == pytest.approx(0.1)
    paler = luma.clone()
    paler[person] = 0.4
    elsewhere = luma.clone()
    elsewhere[..., 8:24, 8:16] += 0.3
    lost = fusion.intensity_loss(luma, luma, ir)
    costs = [float(fusion.intensity_loss(fused, luma, ir) - lost) for fused in (paler, elsewhere)]
    assert costs[0] > 5 * costs[1]


def test_an_inverted_edge_costs_more_than_a_missing_one() -> None:
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1
    flat = torch.zeros_like(edge)
    assert fusion.gradient_loss(edge, edge, flat, gain=1.0) == 0
    assert fusion.gradient_loss(1 - edge, edge, flat) > fusion.gradient_loss(flat, edge, flat)


def test_colour_is_lost_only_beyond_black_and_white() -> None:
    rgb = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1)
    assert fusion.colour_loss(torch.full((1, 1, 1, 1), 0.1), rgb) == pytest.approx(0, abs=1e-7)
    assert fusion.colour_loss(torch.full((1, 1, 1, 1), 0.4), rgb) == pytest.approx(0.3 / 3)
    assert fusion.colour_loss(torch.full((1, 1, 1, 1), -0.5), rgb) == pytest.approx(0.3 / 3)


def as_metrics(scene: tuple[torch.Tensor, ...]) -> list[metrics.Plane]:
    return [plane[0, 0].double().numpy() * 255 for plane in scene]


def test_structure_loss_is_one_minus_the_metric(scene: tuple[torch.Tensor, ...]) -> None:
    expected = 1 - metrics.structural_similarity(*as_metrics(scene))
    assert fusion.structure_loss(*scene).item() == pytest.approx(expected, abs=1e-4)


def test_difference_loss_is_two_minus_the_metric(scene: tuple[torch.Tensor, ...]) -> None:
    fused, luma, ir = scene
    expected = 2 - metrics.sum_of_correlations_of_differences(*as_metrics((fused.square(), luma, ir)))
    assert fusion.difference_loss(fused.square(), luma, ir).item() == pytest.approx(expected, abs=2e-3)


def test_difference_loss_has_a_gentle_gradient_where_one_source_was_copied() -> None:
    luma, ir = planes()
    fused = luma.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fusion.difference_loss(fused, luma, ir), fused)
    assert gradient.norm() < 10


def test_edge_loss_is_one_minus_the_metric(scene: tuple[torch.Tensor, ...]) -> None:
    """Borders and the angles of edges weaker than a grey level are treated differently."""
    expected = 1 - metrics.edge_preservation(*as_metrics(scene))
    assert fusion.edge_loss(*scene).item() == pytest.approx(expected, abs=0.03)


def test_fidelity_loss_orders_fusions_as_the_metric_does(scene: tuple[torch.Tensor, ...]) -> None:
    """It leaves the finest scale out, so the values differ; what is better must not."""
    average, luma, ir = scene
    candidates = (average, torch.maximum(luma, ir), torch.zeros_like(luma))
    of_metric = [metrics.visual_information_fidelity(*as_metrics((one, luma, ir))) for one in candidates]
    of_loss = [-fusion.fidelity_loss(one, luma, ir).item() for one in candidates]
    assert np.argsort(of_metric).tolist() == np.argsort(of_loss).tolist()


@pytest.mark.parametrize(
    "loss",
    [
        fusion.intensity_loss,
        fusion.gradient_loss,
        fusion.structure_loss,
        fusion.difference_loss,
        fusion.fidelity_loss,
        fusion.edge_loss,
    ],
)
def test_every_loss_has_finite_gradients_in_flat_and_in_rich_frames(loss: fusion.FusionLoss) -> None:
    luma, ir = planes()
    for sources in ((luma, ir), (torch.zeros_like(luma), torch.zeros_like(ir)), (luma, luma)):
        fused = torch.maximum(*sources).clone().requires_grad_()
        loss(fused, *sources).backward()
        assert fused.grad is not None and torch.isfinite(fused.grad).all()
