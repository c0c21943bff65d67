"""The color polynomials: fitted, judged by their residuals, and applied to a foreground."""
