"""Predicts with model.onnx: needs numpy and onnxruntime, nothing else.

python predict.py images.npy > predictions.csv   predicts images; python predict.py   tests itself
"""

import base64
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

HERE = Path(__file__).parent
BATCH = 32


class Model:
    def __init__(self, path: Path = HERE / "model.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options)
        properties = self.session.get_modelmeta().custom_metadata_map
        self.shape = tuple(json.loads(properties["image_shape"]))  # height, width, channels

    def predict(self, images: Any) -> dict[str, Any]:
        """Gives the outputs by name for uint8 (n, h, w, c), of one channel also (n, h, w)."""
        if images.ndim == 3:
            images = images[..., None]
        if images.dtype != np.uint8 or images.shape[1:] != self.shape:
            found = f"{images.dtype} {images.shape[1:]}"
            raise SystemExit(f"images must be uint8 of the shape {self.shape}, not {found}")
        names = [output.name for output in self.session.get_outputs()]
        # A few at a time, since what lies between may be far larger than an image; some files take
        # a single one.
        step = 1 if self.session.get_inputs()[0].shape[0] == 1 else BATCH
        parts = [
            self.session.run(None, {"images": images[at : at + step]})
            for at in range(0, max(1, len(images)), step)
        ]
        return {name: np.concatenate(values) for name, values in zip(names, zip(*parts))}


if __name__ == "__main__":
    model = Model()
    if len(sys.argv) > 1:
        given = np.load(sys.argv[1], allow_pickle=False)
        if not isinstance(given, np.ndarray):  # npz: the first array that may be images
            given = next(array for array in given.values() if array.ndim >= 3)
        outputs = model.predict(given)
        writer = csv.writer(sys.stdout)
        writer.writerow(outputs)
        writer.writerows(zip(*(values.tolist() for values in outputs.values())))
    else:
        vector = json.loads((HERE / "vector.json").read_text(encoding="utf-8"))
        pixels = np.frombuffer(base64.b64decode(vector["images"]), np.uint8)
        for name, values in model.predict(pixels.reshape(vector["shape"])).items():
            expected = np.array(vector["outputs"][name], dtype=values.dtype)
            is_close = values == expected
            if values.dtype.kind == "f":
                is_close = np.isclose(values, expected, 1e-4, 1e-4)
            assert is_close.all(), f"{name} differs from vector.json"
        sys.stdout.write("ok\n")
