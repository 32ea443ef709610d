"""The morphable face model (Eqs. 1 and 2) and its fitting to landmarks."""

from extreme3d_ros.face_model.files import load_face_model as load_face_model
from extreme3d_ros.face_model.model import FaceModel as FaceModel
