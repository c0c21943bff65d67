"""PIH, the parametric harmonizer: RGB curves and a shading map."""
