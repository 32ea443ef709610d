"""The paper's own three networks, for our face model: identity, expression and pose, each of the picture alone."""
