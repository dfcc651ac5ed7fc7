"""One customer and many: lists with scores, and a customer's card."""
