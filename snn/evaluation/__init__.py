"""What a trained network does on a part of its data: measures, figures and one report."""
