"""What a configuration will cost, from a small shard of each family and a small merge timed on this machine."""
