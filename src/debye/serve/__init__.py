"""A local web page: draw a solute, drag its charges, and see the potential follow (`debye serve`)."""
