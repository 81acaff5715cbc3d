"""Where :func:`rustem.quantize_animation` was before the package had rooms; it is imported from ``rustem`` itself."""

from rustem.quantization.animation import Animation, quantize_animation

__all__ = ["Animation", "quantize_animation"]
