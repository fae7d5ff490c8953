"""What crosses the arrows between stages: frozen values, closed lists, Arrow schemas. No behaviour."""
