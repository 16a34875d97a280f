"""A seeded P-20W consortium to show and test the product on."""
