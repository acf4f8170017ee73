"""Public names that the room once had are refused with the present ones."""

import importlib

import pytest

import pvdm.data


@pytest.mark.parametrize("name", pvdm.data.RENAMED)
def test_a_former_name_is_refused_with_the_present_one(name):
    present = pvdm.data.RENAMED[name].partition(",")[0]
    assert present in pvdm.data.__all__ and name not in pvdm.data.__all__
    with pytest.raises(ImportError, match=f"pvdm.data.{name} is now {present}"):
        exec(f"from pvdm.data import {name}")


def test_other_names_are_unknown_as_in_any_module():
    with pytest.raises(AttributeError, match="nothing"):
        importlib.import_module("pvdm.data").nothing  # noqa: B018
