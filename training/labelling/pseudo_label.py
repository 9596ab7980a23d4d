"""Label frames that have no mask, and complete masks that missed a box, with trained networks.

    python -m training.labelling.pseudo_label --run RUN [RUN …] --data DATA/msrs/train --out FOLDER

Writes NAME.png for every pair without a mask, and for every pair whose mask leaves a box nearly empty,
completed there: class indices, 255 where nothing is sure. A config's source takes them by `masks: FOLDER`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from mtvif_ros.command_line import command_parser, told_plainly
from mtvif_ros.image import Image
from mtvif_ros.imaging.files import write_picture
from mtvif_ros.progress import tracked
from mtvif_ros.recordings.pair_folder import PairFiles, load_pair
from training.data.boxes import read_boxes
from training.data.pairs import load_labels
from training.data.selection import pairs_below
from training.labelling.masks import (
    Plane,
    complete_mask,
    fill_priors,
    label_in_boxes,
    label_where_sure,
    overlooked_boxes,
)
from training.labelling.probabilities import class_probabilities
from training.model import Network
from training.model.checkpoint import load_network


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m training.labelling.pseudo_label", __doc__)
    parser.add_argument(
        "--run",
        type=Path,
        required=True,
        nargs="+",
        help="folders that training.train wrote; several networks label by their mean",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with vi/, ir/ and boxes/, labels/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks")
    options = parser.parse_args(arguments)
    with told_plainly(parser):
        networks = [load_network(run).to(memory_format=torch.channels_last) for run in options.run]  # type: ignore[call-overload]
        names = [one.name for one in networks[0].classes]
        for run, network in zip(options.run, networks):
            if (own := [one.name for one in network.classes]) != names:
                raise ValueError(
                    f"{run}: knows the classes {', '.join(own)}, and {options.run[0]} {', '.join(names)}; "
                    "networks that label together need the same in one order"
                )
        pairs = pairs_below(options.data, names)
        priors = fill_priors(pairs, names)
        options.out.mkdir(parents=True, exist_ok=True)
        for files in tracked(pairs, "label", len(pairs), unit="pair"):
            made = _label(networks, files, names, priors)
            if made is not None:
                write_picture(options.out / f"{files.name}.png", made)


def _label(
    networks: Sequence[Network], files: PairFiles, names: Sequence[str], priors: Mapping[int, Plane]
) -> Image | None:
    """Return the new mask of a pair, None when its own is complete."""
    rgb, ir = load_pair(files)
    mask = load_labels(files, ir, names)
    boxes = read_boxes(files, names)
    if mask is not None and (boxes is None or not len(overlooked_boxes(mask, boxes))):
        return None
    probability = class_probabilities(networks, rgb, ir)
    if boxes is None or not boxes.boxed:
        return label_where_sure(probability)
    made = label_in_boxes(probability, boxes, priors)
    return made if mask is None else complete_mask(mask, made, overlooked_boxes(mask, boxes))


if __name__ == "__main__":
    main()
