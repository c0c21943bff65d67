"""Networks as ONNX files: written from torch, read and run without it."""
