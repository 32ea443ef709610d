"""pip's way in; colcon builds by CMakeLists.txt, which also generates the package's message."""

from setuptools import find_packages, setup

ROS = [  # ROS 2 Kilted as wheels; on a machine with a ROS installation of its own this extra is not needed
    "ros-kilted-rclpy",
    "ros-kilted-rmw-fastrtps-cpp",
    "ros-kilted-sensor-msgs",
    "ros-kilted-visualization-msgs",
    "ros-kilted-geometry-msgs",
    "ros-kilted-std-srvs",
    "ros-kilted-diagnostic-msgs",
    "ros-kilted-lifecycle-msgs",
]

setup(
    name="extreme3d_ros",
    version="0.1.0",
    description="Detailed 3D faces from a camera, seen through occlusions, for ROS 2",
    license="Apache-2.0",
    maintainer="extreme3d_ros founders",
    maintainer_email="founders@extreme3d-ros.invalid",
    packages=find_packages(include=["extreme3d_ros", "extreme3d_ros.*"]),
    package_data={"extreme3d_ros": ["data/*", "data/references/gallery.json", "data/references/part-*/*", "py.typed"]},
    python_requires=">=3.10,<3.13",  # MediaPipe 0.10.21 has wheels up to 3.12
    install_requires=[
        "numpy>=1.26,<2",
        "scipy>=1.11",
        "numba>=0.59",
        "opencv-contrib-python>=4.8,<4.12",  # the build that MediaPipe asks for; 4.12 needs numpy 2
        "mediapipe==0.10.21",  # only its network files are used at run time, by LiteRT
        "ai-edge-litert>=2.3,<3",
        "onnxruntime>=1.17",
        "trimesh>=4.0",
        "PyYAML>=6.0",
        "tqdm>=4.60",
    ],
    extras_require={
        "ros": ROS,
        "demo": ["scikit-image>=0.22"],
        "test": ["pytest>=7", "hypothesis>=6", "scikit-image>=0.22", "onnx>=1.15,<1.23"],
        # A Jetson has NVIDIA's own `tensorrt` instead of tensorrt-rtx.
        "tensorrt": ["tensorrt-rtx>=1.4", "cuda-bindings>=12.8", "onnx>=1.15,<1.23"],
        # Films as H.264, which every player knows.
        "film": ["imageio-ffmpeg>=0.5"],
        # Faster networks on CPUs with AMX or VNNI.
        "openvino": ["openvino>=2025.0"],
        # h5py: face models in HDF5 and MATLAB 7.3 files; the others: published networks. ONNX from 1.23 on asks for
        # another protobuf than MediaPipe.
        "importers": ["h5py>=3.8", "torch>=2.2", "onnx>=1.15,<1.23"],
        "training": ["torch>=2.2", "onnx>=1.15,<1.23"],
        "dev": ["ruff==0.17.5", "mypy==2.4.1", "pytest-cov>=7", "types-PyYAML", "types-tqdm"],
    },
    entry_points={
        "console_scripts": [
            "extreme3d = extreme3d_ros.cli.main:main",
            "face_node = extreme3d_ros.nodes.face_node:main",
            "completion_node = extreme3d_ros.nodes.completion_node:main",
            "face_container = extreme3d_ros.nodes.face_container:main",
            "image_source = extreme3d_ros.nodes.image_source:main",
        ]
    },
)
