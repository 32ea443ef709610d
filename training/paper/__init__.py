"""The paper's own three networks, for our face model: identity, expression and pose, each of the picture alone. They
are for users with a GPU who want the paper's road without landmarks, and for comparison: `python -m training.paper
--help`. What the package runs takes pose and expression from the fit, which is better than what these give.
"""
