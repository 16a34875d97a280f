"""What people read: terminal and HTML reports."""
