"""The text beside the shipped model."""

TEXT = """# The shipped face model, `ict-face-99-29`

Written by `python -m training.face_model`; the figures below are that run's.

Learned from ICT-FaceKit light (USC Institute for Creative Technologies, MIT licence; Li et al., "Learning Formation of
Physically-Based Face Attributes", CVPR 2020). The data itself is not in the package. The model is released under the
package's licence; ICT-FaceKit's MIT notice has to go with it.

- **Topology**: our own, a disc: face area from hair line to under the chin, in front of the ears. The left half is
  meshed by Lloyd relaxation in a conformal plane, 1.5 mm apart near eyes, nose and lips to 3.2 mm at the outline, and
  mirrored. Membranes close the eyes (on the front of the neutral eyeballs; a closed lid carries them along) and the
  inner lips. Every vertex is a linear function of ICT's.
- **Shape modes**: 4000 random identities (coefficients standard normal) and their mirror twins, aligned rigidly over
  the skin, centred, PCA; each mode exactly symmetric or antisymmetric, one standard deviation long.
- **Expression modes**: 4000 random sparse activations of 45 of ICT's 53 shapes (not the 8 eyeLook shapes; shape list
  and frequencies in `training/face_model/activations.py`, chosen by us, not measured) and their twins, uncentred, so
  that no expression is the neutral face exactly. ICT's shapes are head-fixed, so no head motion is in them.
- **68 points**: ICT's landmark vertices, but the brows' along the middle of their hair, where people mark them; on the
  nearest surface point. They are fixed on the surface: jaw points 0-16 are anatomical ones, not the picture's
  silhouette.
- **468 points**: MediaPipe's attention mesh run on rendered ICT heads (procedural skin, yaw up to 40, pitch up to 20
  degrees), carried back to the surface where it faces the camera, symmetric. The painted brows lie where ICT's brow
  shapes move the skin most. `landmark_noise` is measured on other renders of the same kind, in the views that show the
  point: it holds what identity and expression do to the embedding, but rendered, not real, faces.
- **Regions**: brows and lips are what MediaPipe's contours enclose; skin inside the standard inner-lip points counts as
  the inside of the mouth.

## Figures

{figures}
"""
