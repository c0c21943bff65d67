"""The color polynomials: fitted, measured by their residuals, and applied to a foreground."""
