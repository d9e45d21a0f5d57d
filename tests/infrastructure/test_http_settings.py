"""Settings of the HTTP server: wrong ones are refused with what they must be."""

import pytest

from infrastructure.http_settings import (
    CORS_ORIGINS,
    DEFAULT_RATE_LIMIT,
    RATE_LIMIT,
    HttpSettings,
    HttpSettingUnusable,
    load_http_settings,
)


def test_by_default_there_is_a_limit_and_no_other_origin() -> None:
    assert load_http_settings({}) == HttpSettings(DEFAULT_RATE_LIMIT, ())
    assert load_http_settings({RATE_LIMIT: "0"}).rate_limit == 0


def test_origins_are_separated_by_commas_or_spaces() -> None:
    told = "https://desk.example.org, http://localhost:5173 http://[::1]:3000"
    assert load_http_settings({CORS_ORIGINS: told}).origins == (
        "https://desk.example.org",
        "http://localhost:5173",
        "http://[::1]:3000",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (RATE_LIMIT, "-1"),
        (RATE_LIMIT, "many"),
        (RATE_LIMIT, "1.5"),
        (CORS_ORIGINS, "*"),
        (CORS_ORIGINS, "https://*.example.org"),
        (CORS_ORIGINS, "https://desk.example.org/"),
        (CORS_ORIGINS, "desk.example.org"),
        (CORS_ORIGINS, "null"),
        (CORS_ORIGINS, "https://Desk.example.org"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(HttpSettingUnusable, match=name):
        load_http_settings({name: value})
