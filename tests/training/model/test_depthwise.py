import pytest
import torch
from torch import nn

from training.model.depthwise import DepthwiseConv2d


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 0), (5, 1, 2), (5, 2, 1), (5, 2, 0)]
)
@pytest.mark.parametrize("size", [(11, 14), (12, 15)])
def test_outputs_and_gradients_are_those_of_torch(
    kernel: int, stride: int, padding: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    ours = DepthwiseConv2d(6, kernel, stride, padding).double()
    theirs = nn.Conv2d(6, 6, kernel, stride, padding, groups=6, bias=False).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    results = []
    for layer in (ours, theirs):
        seen = x.clone().requires_grad_()
        y = layer(seen)
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        results.append((y, seen.grad, layer.weight.grad))
    for mine, torchs in zip(*results):
        torch.testing.assert_close(mine, torchs)


def test_under_autocast_it_computes_in_that_type_and_gives_gradients_in_the_weights() -> None:
    layer = DepthwiseConv2d(4, 5, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(torch.rand(1, 4, 9, 9))
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    assert layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32
