"""What is so: KPIs as data, compiled to SQL, evaluated in one place, with their uncertainty in the open."""
