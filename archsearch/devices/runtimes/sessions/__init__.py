"""What runs on the device, one file a runtime: stdlib and that runtime alone."""
