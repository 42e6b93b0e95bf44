from cim_route.settings import RouteSettings


def test_the_secret_is_not_shown() -> None:
    assert "geheim" not in repr(RouteSettings("redis://127.0.0.1", b"geheim" * 6))
