"""Segment a photograph into 32 colours and put the original and the result side by side: ``make demo``."""

import time
from pathlib import Path

import skimage.data

import rustem

OUTPUT = Path("demo")


def main() -> None:
    """Segment the astronaut (NASA, public domain; the file comes with scikit-image)."""
    photograph = skimage.data.astronaut()
    start = time.perf_counter()
    segmentation = rustem.segment(photograph, 32)
    seconds = time.perf_counter() - start

    OUTPUT.mkdir(exist_ok=True)
    segmentation.save(OUTPUT / "astronaut-k32.png")
    segmentation.save(OUTPUT / "astronaut-k32-pair.png", side_by_side=True)
    height, width = segmentation.labels.shape
    print(
        f"Segmented a photograph of {width}×{height} pixels ({segmentation.n_distinct} distinct colours) into "
        f"{segmentation.n_components} colours:\n"
        f"{segmentation.n_iter} iterations of EM, PSNR {segmentation.psnr:.1f} dB, {seconds:.3f} seconds.\n"
        f"Original and result side by side: {OUTPUT / 'astronaut-k32-pair.png'}"
    )


if __name__ == "__main__":
    main()
