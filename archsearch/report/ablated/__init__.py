"""The report of an ablation: what its table says as figures, nets and words."""
