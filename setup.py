"""Refuses wheels: top-level packages named `models` or `tools` would shadow a user's own."""

from setuptools import setup
from wheel.bdist_wheel import bdist_wheel


class _RefusedWheel(bdist_wheel):
    def run(self) -> None:
        raise SystemExit(
            "intonly installs from a checkout only: needed `pip install --editable .`, got a build "
            "of a wheel, whose packages `pipeline`, `models` and `tools` would shadow your own"
        )


setup(cmdclass={"bdist_wheel": _RefusedWheel})
