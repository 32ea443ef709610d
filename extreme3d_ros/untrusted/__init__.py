"""Files that anyone may have written: read without harm, or refused."""
