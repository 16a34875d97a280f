"""Small-cell suppression, complementary suppression, and the audit that may refuse a release."""
