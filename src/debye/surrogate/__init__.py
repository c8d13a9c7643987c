"""A trained network in the solver's place: any problem of its kind, with a certificate, polished on request."""
