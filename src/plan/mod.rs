//! What is wanted of this host, and the ordered changes that lead there from what runs.
