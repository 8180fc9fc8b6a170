"""Tests that call paid providers: VOICED_LIVE=1 and the provider's key in the environment.

`@pytest.mark.live("OPENAI_API_KEY")` names the variable that has to hold the key.
"""

import os

import pytest


def pytest_runtest_setup(item):
    for mark in item.iter_markers("live"):
        if os.environ.get("VOICED_LIVE") != "1":
            pytest.skip("calls a paid provider: set VOICED_LIVE=1")
        for variable in mark.args:
            if not os.environ.get(variable):
                pytest.skip(f"needs a key in {variable}")
