"""Make HTML pages that need no network: their template, style, plots and pictures."""
