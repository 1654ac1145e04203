"""archsearch: neural architecture search and ablation for mobile vision backbones."""
