"""Health: how a customer's relationship stands, from parts with weights and curves, checked by who left later."""
