"""The quantized network as ONNX with Quant nodes (QONNX, arXiv:2206.07527): written, and run by onnxruntime."""

from hls.package.onnx.network import is_expressible, quantized_onnx, run_onnx

__all__ = ["is_expressible", "quantized_onnx", "run_onnx"]
