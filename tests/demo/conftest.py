from tests.deployment.conftest import checkpoint

__all__ = ["checkpoint"]
