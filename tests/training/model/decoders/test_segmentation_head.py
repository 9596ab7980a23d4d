import pytest
import torch

from training.model.decoders.segmentation_head import (
    SegmentationHead,
    best_classes,
    best_probabilities,
    spread_cells,
    spread_quarters,
)


def cells() -> torch.Tensor:
    """Logits of 3 x 5 cells and nine classes."""
    return 3 * torch.randn(2, 36, 3, 5, generator=torch.Generator().manual_seed(0))


def in_squares(halved: torch.Tensor) -> torch.Tensor:
    return halved.repeat_interleave(2, 1).repeat_interleave(2, 2)


def test_a_cell_holds_the_logits_of_its_four_quarters() -> None:
    logits = spread_cells(cells())
    assert logits.shape == (2, 9, 6, 10)
    for quarter in range(4):
        row, column = divmod(quarter, 2)
        assert torch.equal(logits[..., row::2, column::2], cells()[:, quarter::4])


def test_the_best_classes_are_those_of_the_logits_in_squares_of_two_pixels() -> None:
    mask = best_classes(cells())
    assert mask.shape == (2, 12, 20)
    assert torch.equal(mask.long(), in_squares(spread_cells(cells()).argmax(1)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_their_probabilities_are_those_of_a_softmax_at_the_temperature(temperature: float) -> None:
    found = spread_quarters(best_probabilities(cells(), torch.tensor(temperature)))
    expected = (spread_cells(cells()) / temperature).softmax(1).amax(1)
    assert expected.std() > 0.05
    torch.testing.assert_close(found, in_squares(expected))


def test_large_logits_stay_finite() -> None:
    found = best_probabilities(1e4 * cells(), torch.tensor(0.05))
    assert torch.equal(found, torch.ones(2, 4, 3, 5))


def test_a_new_head_says_background() -> None:
    head = SegmentationHead(8, 9)
    with torch.no_grad():
        logits = spread_cells(head(torch.zeros(1, 8, 4, 4)))
    torch.testing.assert_close(logits.softmax(1)[:, 0], torch.full((1, 8, 8), 100 / 108))
