"""BP4D+, the multimodal successor of BP4D."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aulib.adapters.bp4d import BP4D

_ORDER = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))


@dataclass
class BP4DPlus(BP4D):
    """Spontaneous expressions of 140 people in ten tasks, four of which are coded. **The header is unverified.**

    Format on disk:

    * ``AUCoding/AU_OCC/<subject>_<task>.csv``: a header, then 35 columns: the frame, counted from 1, and 34 action
      units. 0 absent, 1 present, 9 not coded. The header is said to read ``1,1,2,4,5,...``.
    * ``AUCoding/AU_INT/AU06/<subject>_<task>_AU06.csv``: no header; frame, intensity 0 to 5, 9 not coded or occluded.
    * ``2D+3D/<subject>/<task>/0000.jpg``, three or four digits, once the zip file of each person is unpacked.

    Facts: 140 people (F001-F082, M001-M058), tasks T1, T6, T7 and T8 coded. AU25 and AU26 are not coded. The ids are
    not those of BP4D.

    Citation: Zhang et al., CVPR 2016, pp. 3438-3446.

    Args:
        columns: ``"header"`` believes the header; ``"position"`` takes the 34 action units in their documented order,
            whatever the header says.
        frame_offset: added to the annotation's frame to get the image's number, as in BP4D.
        occluded: what becomes of frames marked as occluded, as in BP4D.
        threshold: smallest intensity that counts as displayed where there is no occurrence, as in BP4D.
        annotations: folder of the occurrence files, relative to the root; None looks in the place above.
        image_folder: the same for the images.
    """

    columns: str = "header"

    name = "bp4d_plus"
    image_folders: ClassVar[tuple[str, ...]] = ("2D+3D", "Sequences(2D+3D)", "Sequences_2D+3D")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("columns", "header", "position")

    def _columns(self, header: list[str], path: Path) -> list[int] | None:
        if self.columns == "header":
            return super()._columns(header, path)
        if len(header) == len(_ORDER) + 1:
            return list(_ORDER)
        self.unusable(f"the file has {len(header)} columns, expected the frame and {len(_ORDER)} more", path, 1)
        return None
