"""An ablation: which part earns its keep, with paired seeds and tests that hold."""
