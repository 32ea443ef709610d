"""Files that anyone may have written, and what is said of them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.errors import one_line, reason
from extreme3d_ros.untrusted.regular_file import read_regular
from extreme3d_ros.untrusted.yaml_file import read_yaml


def test_a_file_is_read_whole_up_to_its_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="file has more than 4 bytes"):
        read_regular(tmp_path / "file", 4)


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(OSError, match="is no file"):
            read_yaml(path)
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "nothing")


def test_yaml_makes_no_objects(tmp_path):
    (tmp_path / "file").write_text(f"!!python/object/apply:os.mkdir [{tmp_path / 'made'}]")
    with pytest.raises(ValueError, match="no YAML: could not determine a constructor"):
        read_yaml(tmp_path / "file")
    assert not (tmp_path / "made").exists()


@given(st.text(max_size=300))
def test_any_text_becomes_one_short_printable_line(text):
    line = one_line(text)
    assert line.isprintable() and len(line) <= 200
    assert line == text or len(text) > 200 or not text.isprintable() or text != " ".join(text.split())


@pytest.mark.parametrize(
    "error, told",
    [
        (KeyError("mean"), "mean is missing"),
        (KeyError(), "KeyError"),
        (MemoryError(), "MemoryError"),
        (ValueError("two\n  lines"), "two lines"),
        (PermissionError(13, "Permission denied", "/a/file"), "Permission denied"),
        (OSError("no number"), "no number"),
    ],
)
def test_a_reason_is_never_empty(error, told):
    assert reason(error) == told
