"""Models of one op with inputs, as the kernels' tests collect them under INTONLY_CORPUS.

Each case is `<sha256 of the model>.tflite` and an .npz of that name beside it.
"""

import dataclasses
import hashlib
import io
import pathlib

import numpy as np

from pipeline import errors, files

_ENGINES = "engines"


@dataclasses.dataclass(frozen=True, eq=False)
class OpCase:
    """One model.

    Attributes:
      model: Content of a .tflite file.
      engines: Those whose bits are promised for it.
      inputs: In graph order, each [steps, *shape]; the state of a step goes into the next.
    """

    model: bytes
    engines: tuple[str, ...]
    inputs: tuple[np.ndarray, ...]

    def save(self, folder: pathlib.Path) -> None:
        """Writes the case's two files into `folder`.

        Raises:
          OSError: The folder cannot be written.
        """
        path = folder / f"{hashlib.sha256(self.model).hexdigest()}.tflite"
        arrays = {str(position): stack for position, stack in enumerate(self.inputs)}
        arrays[_ENGINES] = np.array(self.engines, np.str_)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
        files.write_bytes(path.with_suffix(".npz"), buffer.getvalue())
        files.write_bytes(path, self.model)


def load(path: pathlib.Path) -> OpCase:
    """Returns the case whose model lies at `path`.

    Raises:
      DataError: Its inputs are missing or damaged.
      OSError: The model cannot be read.
    """
    archive_path = path.with_suffix(".npz")
    try:
        with np.load(archive_path, allow_pickle=False) as archive:
            engines = tuple(str(name) for name in archive[_ENGINES])
            stacks = tuple(archive[str(position)] for position in range(len(archive.files) - 1))
    except (OSError, ValueError, KeyError) as error:
        raise errors.DataError(
            f"{archive_path}: needed the inputs of a case that the kernels' tests collected, "
            f"got {error}: collect them again"
        ) from error
    return OpCase(path.read_bytes(), engines, stacks)
