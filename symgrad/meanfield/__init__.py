"""Mean-field theory of wide random networks: variance and correlation maps, edge of chaos, initialisation."""
