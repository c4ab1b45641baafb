"""`symbolon doctor …`: whether everything is there before anything is begun."""
