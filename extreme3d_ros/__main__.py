"""`python -m extreme3d_ros` is `extreme3d`."""

import sys

from extreme3d_ros.cli.main import main

sys.exit(main())
