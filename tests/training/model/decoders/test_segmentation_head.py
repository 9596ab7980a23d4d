import torch

from training.model.decoders.segmentation_head import SegmentationHead, spread_cells, spread_classes


def cells() -> torch.Tensor:
    return torch.randn(2, 3, 5, 9, 4, generator=torch.Generator().manual_seed(0))


def test_a_cell_holds_the_logits_of_its_four_quarters() -> None:
    logits = spread_cells(cells())
    assert logits.shape == (2, 9, 6, 10)
    for quarter in range(4):
        row, column = divmod(quarter, 2)
        assert torch.equal(logits[..., row::2, column::2], cells()[..., quarter].permute(0, 3, 1, 2))


def test_the_classes_of_cells_are_those_of_their_logits_in_squares_of_two_pixels() -> None:
    mask = spread_classes(cells().argmax(3).float())
    assert mask.shape == (2, 12, 20)
    best = spread_cells(cells()).argmax(1)
    for row in (0, 1):
        for column in (0, 1):
            assert torch.equal(mask[:, row::2, column::2].long(), best)


def test_a_new_head_says_background() -> None:
    head = SegmentationHead(8, 9)
    with torch.no_grad():
        logits = spread_cells(head(torch.zeros(1, 8, 4, 4)))
    torch.testing.assert_close(logits.softmax(1)[:, 0], torch.full((1, 8, 8), 100 / 108))
