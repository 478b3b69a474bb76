"""Data adapters for images: npz files and folders of pictures."""

from __future__ import annotations

from autometa import DataAdapterSpec

SPECS: tuple[DataAdapterSpec, ...] = (
    DataAdapterSpec(
        name="npz",
        factory="autometa_torch.adapters.npz:NpzAdapter",
        suffixes=frozenset({".npz"}),
        summary="Images as an array of a NumPy npz file, labels as another.",
    ),
    DataAdapterSpec(
        name="images",
        factory="autometa_torch.adapters.folder:ImageFolderAdapter",
        schemes=frozenset({"images"}),
        folders=True,
        summary="A folder of pictures, one subfolder per label; name it as data.adapter.",
    ),
)
