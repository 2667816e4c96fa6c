"""What ails a network: measurements on the sequences it really saw, bounds, causes and remedies."""
