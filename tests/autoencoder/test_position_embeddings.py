"""Position embeddings of another size: what is linear stays so, and each plane is resized by itself."""

import torch

from pvdm.autoencoder import TriplaneShape
from pvdm.autoencoder.position_embeddings import grids, resize_grids, resize_line


def test_a_line_keeps_its_ends_and_the_summary():
    line = torch.linspace(2, 8, 4)
    position = torch.cat([torch.stack([line, -line], dim=1), torch.tensor([[50.0, 60.0]])])
    for length in (4, 7, 3):
        wanted = torch.linspace(2, 8, length)
        found = resize_line(position, length)
        torch.testing.assert_close(found[:-1], torch.stack([wanted, -wanted], dim=1))
        assert torch.equal(found[-1], position[-1])
    assert torch.equal(resize_line(position[3:], 3), position[[3, 3, 3, 4]])
    assert resize_line(position.half(), 5).dtype == torch.float16


def coordinates(rows: int, columns: int) -> torch.Tensor:
    """Where the middle of each position lies in its plane, (rows * columns, 2)."""
    axes = [(torch.arange(count) + 0.5) / count for count in (rows, columns)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 1)


def test_planes_are_resized_each_for_itself_and_cover_the_same_picture():
    there, here = (grids(TriplaneShape(16, *size, 3), 4) for size in ((8, 6), (16, 12)))
    assert there == [(8, 6), (4, 6), (4, 8)] and here == [(16, 12), (4, 12), (4, 16)]
    position = torch.cat([coordinates(*grid) + 10 * number for number, grid in enumerate(there)])
    assert torch.equal(resize_grids(position, there, there), position)
    found = resize_grids(position, there, here).split([rows * columns for rows, columns in here])
    for number, (plane, grid) in enumerate(zip(found, here, strict=True)):
        wanted = coordinates(*grid) + 10 * number
        inside = ((wanted - 10 * number - 0.5).abs() < 0.37).all(1)  # beyond the outermost middles, values are constant
        torch.testing.assert_close(plane[inside], wanted[inside])
        assert (plane - wanted).abs().max() < 0.07
