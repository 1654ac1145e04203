"""An ablation's file: its base, its changes, its design, and the arms that they make."""
