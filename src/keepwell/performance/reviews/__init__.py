"""What people write down in a review: decisions, actions, points of the agenda, notes about the market."""
