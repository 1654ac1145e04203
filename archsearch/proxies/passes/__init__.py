"""What proxies are made from: passes through a copy of the net, each made once for all proxies."""
