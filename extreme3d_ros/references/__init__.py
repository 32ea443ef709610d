"""Reference faces that hole filling borrows details from (Sec. 4.2)."""
